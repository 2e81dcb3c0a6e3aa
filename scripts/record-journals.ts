import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { addGoldenDefinitions, goldenRuns } from '../test/fixtures/journals/scenarios.ts';
import { readJournalRows, type GoldenJournal } from '../test/fixtures/journals/journal-rows.ts';
import { openPglite } from '../test/integration/runs/databases.ts';
import { openHistoryGround, scope } from '../test/integration/runs/history-ground.ts';

/*
 * Records the golden journals of a release: `node scripts/record-journals.ts [FOLDER]`. The folder is by default that of
 * the present minor version; journals that are there already are left as they are, because they show what that release wrote.
 */
const root = path.resolve(import.meta.dirname, '..');
const { version } = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8')) as {
  version: string;
};
const minor = version.split('.').slice(0, 2).join('.');
const folder = path.resolve(process.argv[2] ?? path.join(root, 'test/fixtures/journals', `v${minor}`));
await mkdir(folder, { recursive: true });

for (const [name, make] of Object.entries(goldenRuns)) {
  const ground = await openHistoryGround(await openPglite());
  try {
    addGoldenDefinitions(ground);
    const runId = await make(ground);
    const journal: GoldenJournal = {
      release: version,
      run_id: runId,
      rows: await readJournalRows(ground.storage, runId),
      cassette: await ground.history.cassette(scope, runId, { pii: false }),
    };
    const file = path.join(folder, `${name}.json`);
    await writeFile(file, `${JSON.stringify(journal, null, 1)}\n`, { flag: 'wx' });
    console.log(`${path.relative(root, file)}: ${journal.rows.run_steps.length} steps`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    console.log(`${name}: is there already and stays as it is`);
  } finally {
    await ground.close();
  }
}
