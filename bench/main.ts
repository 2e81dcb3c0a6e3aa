import { measureAgentTurn } from './agent-turn.ts';
import { measureConversations } from './conversations.ts';
import { measureEventLoop } from './event-loop.ts';
import { measureFanOut } from './fan-out.ts';
import { measureFirstToken } from './first-token.ts';
import { measureGateway } from './gateway.ts';
import { measureGrowth } from './growth.ts';
import { measureHttpTurn } from './http-turn.ts';
import { measureIdleChannels } from './idle-channels.ts';
import { measureLedger } from './ledger.ts';
import { table, type Figure } from './report.ts';
import { measureRouterPick } from './router-pick.ts';
import { measureStart } from './start.ts';
import { measureStep } from './step.ts';
import { measureTakeOver } from './take-over.ts';
import { measureStreams } from './streams.ts';
import { measureWaiting } from './waiting.ts';
import { measureWake } from './wake.ts';
import { measureWebhooks } from './webhooks.ts';
import { measureWorkflow } from './workflow.ts';

const measures: Readonly<Record<string, () => Promise<readonly Figure[]>>> = {
  start: measureStart,
  'agent-turn': measureAgentTurn,
  'http-turn': measureHttpTurn,
  step: measureStep,
  'fan-out': measureFanOut,
  growth: measureGrowth,
  workflow: measureWorkflow,
  wake: measureWake,
  'take-over': measureTakeOver,
  waiting: measureWaiting,
  'first-token': measureFirstToken,
  'event-loop': measureEventLoop,
  gateway: measureGateway,
  ledger: measureLedger,
  'router-pick': measureRouterPick,
  streams: measureStreams,
  webhooks: measureWebhooks,
  conversations: measureConversations,
  'idle-channels': measureIdleChannels,
};

const asked = process.argv.slice(2);
const unknown = asked.find((name) => !(name in measures));
if (unknown !== undefined) {
  process.stderr.write(`no measure "${unknown}"; there are: ${Object.keys(measures).join(', ')}\n`);
  process.exit(2);
}
const figures: Figure[] = [];
for (const [name, measure] of Object.entries(measures)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  process.stderr.write(`${name} …\n`);
  figures.push(...(await measure()));
}
process.stdout.write(`${table(figures)}\n`);
