import { existsSync } from 'node:fs';
import path from 'node:path';
import { createTestDatabase, postgresAvailable } from '../src/testing/test-database.ts';
import { postTurn } from './post-turn.ts';
import { median, type Figure } from './report.ts';
import { ServerProcess } from './server-process.ts';

const turns = 400;
const rounds = 5;
const clients = 4;

/** Server CPU per turn in ms, by rounds. */
async function cpuPerTurn(server: ServerProcess, turn: () => Promise<void>): Promise<number[]> {
  const samples: number[] = [];
  for (let round = -1; round < rounds; round += 1) {
    let left = turns;
    const begun = server.cpuMs();
    const client = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        await turn();
      }
    };
    await Promise.all(Array.from({ length: clients }, client));
    if (round >= 0) samples.push((server.cpuMs() - begun) / turns);
  }
  return samples;
}

async function voltAgent(): Promise<number | undefined> {
  const script = path.join(import.meta.dirname, 'peers/voltagent-server.mjs');
  if (!existsSync(path.join(import.meta.dirname, 'peers/node_modules/@voltagent/core'))) return undefined;
  const server = await ServerProcess.start(script);
  try {
    return median(
      await cpuPerTurn(server, async () => {
        const response = await fetch(`${server.url}/agents/bench/text`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ input: 'How warm is it in Oslo?' }),
        });
        const text = await response.text();
        if (!response.ok || !text.includes('18 degrees')) throw new Error(`${response.status} ${text}`);
      }),
    );
  } finally {
    await server.stop();
  }
}

/** Server CPU of a journaled turn on PostgreSQL, beside VoltAgent's turn without a journal. */
export async function measureHttpTurn(): Promise<readonly Figure[]> {
  const name = 'journaled turn over HTTP on PostgreSQL, server CPU';
  if (!(await postgresAvailable())) return [{ name, value: '–', goal: '≤ 3 ms', met: undefined }];
  const database = await createTestDatabase();
  const server = await ServerProcess.start(path.join(import.meta.dirname, 'agent33-server.ts'), {
    DATABASE_URL: database.url,
  });
  const ours = median(await cpuPerTurn(server, () => postTurn(server)));
  await server.stop();
  await database.drop();
  const theirs = await voltAgent();
  return [
    { name, value: `${ours.toFixed(2)} ms`, goal: '≤ 3 ms', met: ours <= 3 },
    {
      name: 'same, against VoltAgent without a journal',
      value:
        theirs === undefined
          ? 'VoltAgent is not installed'
          : `${(ours / theirs).toFixed(2)}× (${theirs.toFixed(2)} ms)`,
      goal: '< 1×',
      met: theirs === undefined ? undefined : ours < theirs,
    },
  ];
}
