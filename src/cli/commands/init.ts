import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Command } from 'commander';
import { definitionKinds, definitionName, type DefinitionKind } from '../../protocol/index.ts';
import { say, type CliContext, type GlobalOptions } from '../cli-context.ts';
import { CliError, exitCodes, usageError } from '../cli-error.ts';
import { columns, outputFormat, printRows } from '../output.ts';
import { findProjectDir } from '../project-folder.ts';
import { definitionTemplate, projectTemplate, toolTemplate } from '../templates.ts';

interface InitOptions extends GlobalOptions {
  readonly kind: string;
  readonly force?: boolean;
}

const kindNames = [...Object.keys(definitionKinds), 'Tool'].map((kind) => kind.toLowerCase()).toSorted();

function kindOf(text: string): DefinitionKind | 'Tool' {
  if (text.toLowerCase() === 'tool') return 'Tool';
  const found = (Object.keys(definitionKinds) as DefinitionKind[]).find(
    (kind) => kind.toLowerCase() === text.toLowerCase(),
  );
  if (found !== undefined) return found;
  throw usageError(
    `--kind ${text} cannot be written by this version; available: ${kindNames.join(', ')}`,
    'agent33 init my-agent --kind agent',
  );
}

function filesOf(kind: DefinitionKind | 'Tool', name: string) {
  if (kind === 'Project') return projectTemplate(name);
  return [kind === 'Tool' ? toolTemplate(name) : definitionTemplate(kind, name)];
}

/** `agent33 init NAME --kind KIND`: the first version of a definition or of a whole project. */
export function registerInit(program: Command, context: CliContext): void {
  program
    .command('init <name>')
    .description(`write a file that is valid as it stands (${kindNames.join(', ')})`)
    .option('--kind <kind>', 'what to write', 'agent')
    .option('--force', 'overwrite files that exist')
    .action(async (name: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<InitOptions>();
      const kind = kindOf(options.kind);
      const checked = definitionName.safeParse(name);
      if (!checked.success) {
        throw usageError(`"${name}" is no name: ${checked.error.issues[0]?.message ?? 'not accepted'}`);
      }
      const base =
        kind === 'Project'
          ? path.resolve(context.cwd, options.dir ?? name)
          : findProjectDir(context, options);
      const files = filesOf(kind, name);
      const taken = files.filter((file) => existsSync(path.join(base, file.path)));
      if (taken.length > 0 && options.force !== true) {
        throw new CliError(
          `${taken.map((file) => path.join(path.relative(context.cwd, base), file.path)).join(', ')} already exists`,
          { exitCode: exitCodes.conflict, hint: 'choose another name, or add --force to overwrite' },
        );
      }
      const rows = [];
      for (const file of files) {
        const target = path.join(base, file.path);
        await mkdir(path.dirname(target), { recursive: true });
        await writeFile(target, file.text);
        rows.push({ path: path.relative(context.cwd, target) });
      }
      const format = outputFormat(options);
      if (format === 'table') for (const row of rows) context.stdout.write(`${row.path}\n`);
      else printRows(context, format, rows, columns('path'));
      const where = path.relative(context.cwd, base);
      say(context, `next: agent33 serve${where === '' ? '' : ` --dir ${where}`}`);
    });
}
