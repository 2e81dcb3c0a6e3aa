import { randomUUID } from 'node:crypto';
import { chmod, link, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { AppError, isJsonObject, tryParseJson, type JsonObject, type Logger } from '../../base/index.ts';

const ownerOnly = 0o600;

function isCode(error: unknown, code: string): boolean {
  return (error as NodeJS.ErrnoException).code === code;
}

function unusable(file: string, fault: string, cause?: unknown): AppError {
  return new AppError('invalid_config', `${file} ${fault}`, { cause });
}

/** Takes back what others may do with the file; refuses to go on when that fails. */
async function closeToOthers(file: string, logger: Logger): Promise<void> {
  // Windows has no such bits.
  if (process.platform === 'win32') return;
  const { mode } = await stat(file);
  if ((mode & 0o077) === 0) return;
  try {
    await chmod(file, ownerOnly);
  } catch (error) {
    throw unusable(
      file,
      'can be read by others and that cannot be changed; run chmod 600 as its owner',
      error,
    );
  }
  logger.warn(
    { file },
    'a file of secrets could be read by others; that is changed, but consider new secrets',
  );
}

/** A JSON object from a file that only its owner may read; `undefined` when there is none. Error: `invalid_config`. */
export async function readPrivateFile(file: string, logger: Logger): Promise<JsonObject | undefined> {
  let text: string;
  try {
    await closeToOthers(file, logger);
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined;
    throw error instanceof AppError ? error : unusable(file, 'cannot be read', error);
  }
  const content = tryParseJson(text);
  if (isJsonObject(content)) return content;
  throw unusable(file, 'holds no JSON object; restore it, or delete it to have new secrets generated');
}

async function writeBeside(file: string, content: JsonObject): Promise<string> {
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${randomUUID()}`;
  await writeFile(draft, `${JSON.stringify(content, null, 2)}\n`, { mode: ownerOnly, flag: 'wx' });
  return draft;
}

/** Writes a file that only its owner may read, whole or not at all. */
export async function writePrivateFile(file: string, content: JsonObject): Promise<void> {
  try {
    await rename(await writeBeside(file, content), file);
  } catch (error) {
    throw unusable(file, 'cannot be written', error);
  }
}

/** As `writePrivateFile`, but never over a file that is there: of several processes exactly one gets true. */
export async function createPrivateFile(file: string, content: JsonObject): Promise<boolean> {
  try {
    const draft = await writeBeside(file, content);
    try {
      await link(draft, file);
      return true;
    } catch (error) {
      if (isCode(error, 'EEXIST')) return false;
      throw error;
    } finally {
      await rm(draft, { force: true });
    }
  } catch (error) {
    throw unusable(file, 'cannot be written', error);
  }
}
