import { z } from 'zod';
import { isJsonObject, type Json, type JsonObject } from '../../../base/index.ts';
import { assertInside, digestOf, projectFiles, type ProjectFile } from './project-files.ts';
import type { SensorType } from './sensor-type.ts';

const inside = z
  .string()
  .min(1)
  .max(500)
  .refine((pattern) => {
    try {
      assertInside(pattern);
      return true;
    } catch {
      return false;
    }
  }, 'expected a path inside the project, without ".."');

/** Config of the type `file_change`. */
export const fileChangeConfig = z
  .strictObject({
    path: inside
      .optional()
      .describe('One file, folder or pattern below the project, such as `inbox/**/*.pdf`.'),
    paths: z.array(inside).min(1).max(50).optional().describe('Several of them.'),
    events: z
      .array(z.enum(['created', 'changed', 'deleted']))
      .min(1)
      .default(['created', 'changed', 'deleted']),
    maxFiles: z.int().min(1).max(50_000).default(10_000).describe('Most files that are followed.'),
  })
  .refine(
    (config) => (config.path === undefined) !== (config.paths === undefined),
    'expected either path or paths',
  );

type Config = z.output<typeof fileChangeConfig>;

/** Time of change, size and digest, as short as it gets: there may be thousands. */
type Known = readonly [modifiedAt: number, size: number, digest: string | null];

/** Larger files are told apart by time and size alone, and so are those beyond what one look may read. */
const largestRead = 1024 * 1024;
const readPerLook = 64 * 1024 * 1024;

/** Sees files that came, changed or went since the last look, also while no server ran. */
export function createFileChangeSensor(deps: { readonly projectDir: string }): SensorType<Config> {
  return {
    name: 'file_change',
    configSchema: fileChangeConfig,
    async look({ config, state, limit, signal }) {
      const patterns = config.paths ?? [config.path ?? ''];
      const files = await projectFiles(deps.projectDir, patterns, { most: config.maxFiles, signal });
      const before = knownOf(state);
      const after = new Map<string, Known>();
      const events: JsonObject[] = [];
      let budget = readPerLook;
      let more = false;

      const digest = async (file: ProjectFile): Promise<string | null> => {
        if (file.size > largestRead || file.size > budget) return null;
        signal.throwIfAborted();
        budget -= file.size;
        return (await digestOf(deps.projectDir, file.path)) ?? null;
      };
      /** Reports a change, or leaves it for the next look. */
      const report = (type: Config['events'][number], event: JsonObject): boolean => {
        if (!config.events.includes(type)) return true;
        if (events.length >= limit) {
          more = true;
          return false;
        }
        events.push({ type, ...event });
        return true;
      };
      const shown = (file: ProjectFile): JsonObject => ({
        path: file.path,
        size: file.size,
        modified_at: new Date(file.modifiedAt).toISOString(),
      });

      for (const file of files) {
        const known = before?.get(file.path);
        if (known !== undefined && known[0] === file.modifiedAt && known[1] === file.size) {
          after.set(file.path, known);
          continue;
        }
        const now: Known = [file.modifiedAt, file.size, await digest(file)];
        const touched = known !== undefined && known[2] !== null && known[2] === now[2];
        if (
          before === undefined ||
          touched ||
          report(known === undefined ? 'created' : 'changed', shown(file))
        )
          after.set(file.path, now);
        else if (known !== undefined) after.set(file.path, known);
      }
      const present = new Set(files.map((file) => file.path));
      for (const [path, known] of before ?? [])
        if (!present.has(path) && !report('deleted', { path })) after.set(path, known);
      return { state: { files: Object.fromEntries(after) } as unknown as Json, events, more };
    },
  };
}

function knownOf(state: Json): ReadonlyMap<string, Known> | undefined {
  if (!isJsonObject(state) || !isJsonObject(state['files'])) return undefined;
  return new Map(Object.entries(state['files']) as unknown as readonly [string, Known][]);
}
