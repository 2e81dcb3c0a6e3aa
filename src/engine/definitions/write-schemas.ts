import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { definitionKinds } from '../../protocol/index.ts';

/** Writes the JSON Schemas (draft-07) that editors check definition files by: `<folder>/<kind>.schema.json`. */
export async function writeSchemas(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [kind, { schema }] of Object.entries(definitionKinds)) {
    const json = z.toJSONSchema(schema, { target: 'draft-7', io: 'input', unrepresentable: 'any' });
    await writeFile(
      path.join(folder, `${kind.toLowerCase()}.schema.json`),
      `${JSON.stringify(json, null, 2)}\n`,
    );
  }
}
