import type { Command } from 'commander';
import { isDecorated, say, type CliContext, type GlobalOptions } from '../cli-context.ts';
import type { CliServices, PullProgress } from '../cli-services.ts';
import { openSettings } from '../open-settings.ts';
import { outputFormat } from '../output.ts';

/** A line each 100 steps is enough where nothing can be overwritten. */
const percentEvery = 10;

function sizeOf(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.ceil(bytes / 1e6)} MB`;
}

/** Tells how far a download is: on a terminal in one line, elsewhere seldom. */
function createReporter(context: CliContext): { tell(progress: PullProgress): void; end(): void } {
  const moving = isDecorated(context, context.stderr);
  let last = '';
  return {
    tell({ status, total, completed = 0 }) {
      const percent = total === undefined || total === 0 ? undefined : Math.floor((completed / total) * 100);
      const step = percent === undefined || moving ? percent : percent - (percent % percentEvery);
      const line =
        step === undefined || total === undefined ? status : `${status} ${step} % of ${sizeOf(total)}`;
      if (line === last) return;
      last = line;
      context.stderr.write(moving ? `\r\u001B[2K${line}` : `${line}\n`);
    },
    end: () => {
      if (moving && last !== '') context.stderr.write('\r\u001B[2K');
    },
  };
}

/** `agent33 models pull`: has Ollama download a model; no server of ours is needed. */
export function registerModelsPull(models: Command, context: CliContext, services: CliServices): void {
  models
    .command('pull')
    .argument('<name>', 'name of the model, such as llama3.2 or qwen3:8b')
    .description('download a model into the Ollama of this project (OLLAMA_BASE_URL)')
    .action(async (name: string, _options: unknown, command: Command) => {
      const format = outputFormat(command.optsWithGlobals<GlobalOptions>());
      const { config } = openSettings(context, command, {});
      const local = await services.openLocalModels(config);
      const reporter = createReporter(context);
      try {
        await local.pullModel(name, (progress) => reporter.tell(progress), { signal: context.signal });
      } finally {
        reporter.end();
        await local.close();
      }
      if (format === 'table')
        say(context, `${name} is ready at ${local.address}; agents name it ollama/${name}`);
      else context.stdout.write(`${JSON.stringify({ model: `ollama/${name}`, address: local.address })}\n`);
    });
}
