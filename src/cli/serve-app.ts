import { createColors } from 'picocolors';
import { isDecorated, say, type CliContext } from './cli-context.ts';
import { CliError, exitCodes } from './cli-error.ts';
import { findPortOwner } from './port-owner.ts';
import { untilInterrupted } from './until-interrupted.ts';

/** What the banner tells about a server that has just started. */
export interface StartedApp {
  readonly url: string;
  /** The admin key, at the very first start only. */
  readonly newApiKey: string | undefined;
  /** Default model and provider, in words. */
  readonly model: string;
  /** No language model is connected. */
  readonly offline: boolean;
  readonly agents: readonly string[];
  readonly teams: readonly string[];
  readonly workflows: readonly string[];
  readonly schedules: readonly string[];
}

/** More names than these are only counted. */
const mostNames = 12;

function named(names: readonly string[]): string {
  const more = names.length - mostNames;
  return `${names.slice(0, mostNames).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** A server that can be started once. */
export interface ServedApp {
  start(): Promise<StartedApp>;
  /** Lets what is under way finish, within limits. */
  stop(): Promise<void>;
}

function banner(context: CliContext, started: StartedApp): string {
  const { bold, cyan, dim, yellow } = createColors(isDecorated(context, context.stderr));
  const { url, newApiKey, model, offline, agents, teams, workflows, schedules } = started;
  const key = newApiKey ?? '$AGENT33_API_KEY';
  const line = (label: string, text: string): string => `  ${dim(label.padEnd(11))}${text}`;
  return [
    '',
    `  ${bold('Agent33')} is ready`,
    '',
    line('address', cyan(url)),
    line('reference', `${url}/reference`),
    line('model', offline ? yellow(`${model}: no language model connected, answers are extractive`) : model),
    line('agents', agents.length === 0 ? 'none yet' : named(agents)),
    ...Object.entries({ teams, workflows, schedules })
      .filter(([, names]) => names.length > 0)
      .map(([label, names]) => line(label, named(names))),
    ...(newApiKey === undefined
      ? []
      : [
          line('key', bold(newApiKey)),
          line('', dim('shown this once; commands on this machine find it by themselves')),
        ]),
    '',
    '  try',
    `    agent33 chat -m "What is 17% of 230?"`,
    `    agent33 init helper --kind agent`,
    `    curl ${url}/api/v1/chat -H "Authorization: Bearer ${key}" -H 'Content-Type: application/json' -d '{"message":"hello"}'`,
    '',
  ].join('\n');
}

interface SystemError {
  readonly code: string;
  readonly address?: string;
  readonly port?: number;
}

/** The refused listen among an error and its causes. */
function listenError(error: unknown): SystemError | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE' || code === 'EACCES' || code === 'EADDRNOTAVAIL') {
      return cause as Error & SystemError;
    }
  }
  return undefined;
}

/** An error of starting with the reason why a port cannot be listened on, where that was it. */
export async function explainListenError(error: unknown, command = 'agent33 serve'): Promise<unknown> {
  const refused = listenError(error);
  if (refused === undefined) return error;
  const { address = '', port = 0, code } = refused;
  if (code !== 'EADDRINUSE') {
    return new CliError(`${address}:${port} cannot be listened on (${code})`, {
      exitCode: exitCodes.usage,
      hint: 'choose another address with --host, or a port above 1023 with --port',
    });
  }
  const owner = (await findPortOwner(port)) ?? 'another program';
  return new CliError(`port ${port} is in use by ${owner}`, {
    exitCode: exitCodes.conflict,
    hint: `stop it, or choose another port: ${command} --port ${port + 1}`,
  });
}

/** Starts the server, prints the banner, waits for the interrupt and lets the server finish what is under way. */
export async function serveApp(context: CliContext, app: ServedApp): Promise<void> {
  let started: StartedApp;
  try {
    started = await app.start();
  } catch (error) {
    await app.stop();
    throw await explainListenError(error);
  }
  say(context, banner(context, started));
  await untilInterrupted(context);
  say(context, 'stopping: what is under way may finish (interrupt again to stop at once)');
  await app.stop();
}
