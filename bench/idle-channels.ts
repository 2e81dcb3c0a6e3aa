import path from 'node:path';
import { FakeDiscord } from '../src/testing/fake-discord.ts';
import { FakeSlack } from '../src/testing/fake-slack.ts';
import { FakeTelegram } from '../src/testing/fake-telegram.ts';
import { createTestDatabase, postgresAvailable } from '../src/testing/test-database.ts';
import type { Figure } from './report.ts';
import { ServerProcess } from './server-process.ts';

const script = path.join(import.meta.dirname, 'channel-server.ts');
const settleMs = 8_000;
const idleMs = 30_000;

const wait = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Share of one core that an idle server takes, in percent. */
async function idleShare(env: Readonly<Record<string, string>>, ready: () => Promise<void>): Promise<number> {
  const server = await ServerProcess.start(script, env);
  await ready();
  await wait(settleMs);
  const before = server.cpuMs();
  await wait(idleMs);
  const share = ((server.cpuMs() - before) / idleMs) * 100;
  await server.stop();
  return share;
}

/** Processor time of a server that polls Telegram and is connected to Discord and Slack, beside one without channels. */
export async function measureIdleChannels(): Promise<readonly Figure[]> {
  const telegram = await FakeTelegram.start();
  const discord = await FakeDiscord.start();
  const slack = await FakeSlack.start();
  const shared = { agent: 'bench' };
  const specs = {
    telegram: { ...shared, platform: 'telegram', token: telegram.token, apiBase: telegram.apiBase },
    discord: {
      ...shared,
      platform: 'discord',
      applicationId: discord.applicationId,
      publicKey: discord.publicKey,
      token: discord.token,
      apiBase: discord.apiBase,
      gatewayUrl: discord.gatewayUrl,
      mode: 'both',
    },
    slack: {
      ...shared,
      platform: 'slack',
      mode: 'socket',
      botToken: slack.botToken,
      appToken: slack.appToken,
      apiBase: slack.apiBase,
    },
  };
  const files = Object.fromEntries(
    Object.entries(specs).map(([name, spec]) => [
      `channels/${name}.json`,
      JSON.stringify({ apiVersion: 'agent33/v1', kind: 'Channel', metadata: { name }, spec }),
    ]),
  );
  const connected = async (): Promise<void> => {
    await telegram.waitForCalls('getUpdates', 1, 60_000);
    await discord.waitUntil(() => discord.gateway.connected === 1, 'the gateway', 60_000);
    await slack.waitUntil(() => slack.connections > 0, 'Socket Mode', 60_000);
  };
  const figures: Figure[] = [];
  try {
    const databases = (await postgresAvailable())
      ? (['PostgreSQL', 'embedded'] as const)
      : (['embedded'] as const);
    for (const kind of databases) {
      const database = kind === 'embedded' ? undefined : await createTestDatabase();
      const env: Record<string, string> = database === undefined ? {} : { DATABASE_URL: database.url };
      const bare = await idleShare(env, () => Promise.resolve());
      const share = await idleShare({ ...env, BENCH_FILES: JSON.stringify(files) }, connected);
      await database?.drop();
      figures.push({
        name: `idle server with Telegram, Discord and Slack connected, ${kind}, share of a core`,
        value: `${share.toFixed(1)} % (without channels ${bare.toFixed(1)} %)`,
        goal: '≤ 1 %',
        met: share <= 1,
      });
    }
  } finally {
    await Promise.all([telegram.stop(), discord.stop(), slack.stop()]);
  }
  return figures;
}
