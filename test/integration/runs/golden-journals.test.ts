import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLogger, systemClock } from '../../../src/base/index.ts';
import { parseCassette, playCassette } from '../../../src/engine/runs/index.ts';
import { writeJournalRows, type GoldenJournal } from '../../fixtures/journals/journal-rows.ts';
import { addGoldenDefinitions, goldenRuns } from '../../fixtures/journals/scenarios.ts';
import { openPglite } from './databases.ts';
import { openHistoryGround, scope, type HistoryGround } from './history-ground.ts';

const folder = path.resolve(import.meta.dirname, '../../fixtures/journals');
const files = (await readdir(folder, { recursive: true }))
  .filter((file) => /^v[\d.]+[\\/].+\.json$/.test(file))
  .toSorted();

describe('journals of every release', () => {
  let ground: HistoryGround;
  beforeAll(async () => {
    ground = await openHistoryGround(await openPglite());
    addGoldenDefinitions(ground);
  });
  afterAll(() => ground.close());

  it('are there for every scenario of the first one', () => {
    const names = files.filter((file) => file.startsWith('v0.1')).map((file) => path.basename(file, '.json'));
    expect(names).toEqual(expect.arrayContaining(Object.keys(goldenRuns)));
  });

  it.each(files)('%s is read and replayed, from its rows and as a cassette', async (file) => {
    const journal = JSON.parse(await readFile(path.join(folder, file), 'utf8')) as GoldenJournal;
    await writeJournalRows(ground.storage, journal.rows);
    const recording = await ground.history.recording(scope, journal.run_id);
    expect(recording.steps.length + Object.keys(recording.children).length).toBeGreaterThan(0);
    for (const against of ['recorded', 'current'] as const)
      expect(await ground.history.replay(scope, journal.run_id, { against })).toMatchObject({
        difference: null,
        identical: true,
      });
    const cassette = parseCassette(JSON.parse(JSON.stringify(journal.cassette)));
    const played = await playCassette(cassette, {
      replay: {
        executors: ground.executors,
        against: 'recorded',
        scope,
        clock: systemClock,
        logger: silentLogger,
        signal: AbortSignal.timeout(20_000),
      },
      definitions: [],
      schemaFaults: () => [],
    });
    expect(played.faults).toEqual([]);
    // Nothing was asked of the model, and no tool was called.
    expect(ground.model.calls).toEqual([]);
    expect(ground.calls).toEqual([]);
  });

  it('a changed journal is found out', async () => {
    const file = path.join(folder, 'v0.1/failure-with-retry.json');
    const journal = JSON.parse(await readFile(file, 'utf8')) as GoldenJournal;
    const steps = journal.rows.run_steps.map((row) => ({ ...row, run_id: 'run_changed', digest: 'other' }));
    const runs = journal.rows.runs.map((row) => ({ ...row, id: 'run_changed', root_run_id: 'run_changed' }));
    await writeJournalRows(ground.storage, { ...journal.rows, runs, run_steps: steps });
    expect(
      (await ground.history.replay(scope, 'run_changed', { against: 'recorded' })).difference,
    ).toMatchObject({ reason: 'input', step: 'fetch:1' });
  });
});
