import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { generatedPages } from './generated-pages.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
for (const page of await generatedPages()) {
  const file = path.join(root, page.path);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, page.text);
  console.log(page.path);
}
