import type { Command } from 'commander';
import { isJsonObject, withDeadline } from '../../base/index.ts';
import { createApiClient } from '../api-client.ts';
import type { CliContext } from '../cli-context.ts';
import { usageError } from '../cli-error.ts';
import { rowsOf } from '../output.ts';
import { findConnection } from '../project-folder.ts';

const scripts: Readonly<Record<string, string>> = {
  bash: `_agent33() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen -W "$(agent33 __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _agent33 agent33
`,
  zsh: `#compdef agent33
_agent33() {
  local -a candidates
  candidates=(\${(f)"$(agent33 __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)"})
  compadd -a candidates
}
compdef _agent33 agent33
`,
  fish: `complete -c agent33 -f -a '(agent33 __complete (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'
`,
};

/** Where the ids of an argument come from, by the words before it. */
const sources: Readonly<Record<string, { path: string; field: string }>> = {
  run: { path: '/api/v1/agents', field: 'name' },
  chat: { path: '/api/v1/agents', field: 'name' },
  agents: { path: '/api/v1/agents', field: 'name' },
  runs: { path: '/api/v1/runs?limit=20', field: 'id' },
  sessions: { path: '/api/v1/sessions', field: 'id' },
  keys: { path: '/api/v1/auth/keys', field: 'id' },
};

const patienceMs = 500;

async function idsFromServer(context: CliContext, noun: string): Promise<readonly string[]> {
  const source = sources[noun];
  if (source === undefined) return [];
  const { signal, clear } = withDeadline(context.clock, patienceMs, context.signal);
  try {
    const client = createApiClient({ ...findConnection(context, {}), clock: context.clock, signal });
    const rows = rowsOf(await client.call('GET', source.path));
    return rows.flatMap((row) => {
      const definition = isJsonObject(row['definition']) ? row['definition']['metadata'] : undefined;
      const value = row[source.field] ?? (isJsonObject(definition) ? definition['name'] : undefined);
      return typeof value === 'string' ? [value] : [];
    });
  } catch {
    // Completion has nobody to tell: without a server there is simply nothing to offer.
    return [];
  } finally {
    clear();
  }
}

function visible(command: Command): readonly Command[] {
  return command.commands.filter((candidate) => !candidate.name().startsWith('_'));
}

/** `agent33 completion SHELL` and the hidden command that its script calls at each key press. */
export function registerCompletion(program: Command, context: CliContext): void {
  program
    .command('completion <shell>')
    .description('script for bash, zsh or fish that completes commands and ids')
    .addHelpText('after', '\nbash: source <(agent33 completion bash)')
    .action((shell: string) => {
      const script = scripts[shell];
      if (script === undefined) {
        throw usageError(`${shell} is not supported; expected one of ${Object.keys(scripts).join(', ')}`);
      }
      context.stdout.write(script);
    });
  program
    .command('__complete [words...]', { hidden: true })
    .allowUnknownOption()
    .helpOption(false)
    .action(async (words: readonly string[]) => {
      const typed = words.at(-1) ?? '';
      let node: Command = program;
      let noun = '';
      for (const word of words.slice(0, -1)) {
        const next = visible(node).find((candidate) => candidate.name() === word);
        if (next === undefined) continue;
        if (node === program) noun = word;
        node = next;
      }
      const isLeaf = node.commands.length === 0 && node !== program;
      const candidates = typed.startsWith('-')
        ? [...node.options, ...program.options].map(({ long, short }) => long ?? short ?? '')
        : isLeaf
          ? await idsFromServer(context, noun)
          : visible(node).map((command) => command.name());
      for (const candidate of candidates) {
        if (candidate.startsWith(typed)) context.stdout.write(`${candidate}\n`);
      }
    });
}
