import type { Command } from 'commander';
import { isJsonObject, visibleLine, type Json } from '../../base/index.ts';
import { say, type CliContext, type GlobalOptions } from '../cli-context.ts';
import { outputFormat, plainText, printRows, printValue, rowsOf, type Column } from '../output.ts';
import { answerFor, describeApproval } from '../describe-approval.ts';
import { openClient } from './open-client.ts';
import { reviewApprovals } from './review-approvals.ts';

interface ListOptions extends GlobalOptions {
  readonly status?: string;
  readonly run?: string;
  readonly limit?: string;
}

interface DecisionOptions extends GlobalOptions {
  readonly comment?: string;
  readonly hash?: string;
}

const approvalColumns: readonly Column[] = [
  { title: 'ID', value: (row) => row['id'] },
  { title: 'CODE', value: (row) => row['code'] },
  { title: 'KIND', value: (row) => row['kind'] },
  { title: 'STATUS', value: (row) => row['status'] },
  { title: 'TITLE', value: (row) => row['title'] },
  { title: 'DEADLINE', value: (row) => row['deadline_at'] },
];

/** `agent33 approvals …`: what runs ask people. */
export function registerApprovals(program: Command, context: CliContext): void {
  const approvals = program.command('approvals').description('what runs ask people');
  const address = (id: string, rest = ''): string => `/api/v1/approvals/${encodeURIComponent(id)}${rest}`;
  approvals
    .command('list')
    .description('what waits for a decision, the newest first')
    .option('--status <status>', 'in this state; "all" for every one', 'pending')
    .option('--run <id>', 'only of this run and its children')
    .option('--limit <count>', 'how many', '50')
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<ListOptions>();
      const query = new URLSearchParams({ limit: options.limit ?? '50' });
      if (options.status !== undefined && options.status !== 'all') query.set('status', options.status);
      if (options.run !== undefined) query.set('run_id', options.run);
      const body = await openClient(context, command).call('GET', `/api/v1/approvals?${query.toString()}`);
      printRows(context, outputFormat(options), rowsOf(body), approvalColumns);
    });
  approvals
    .command('show <id>')
    .description('one approval with the exact arguments; by id or code')
    .action(async (id: string, _options: unknown, command: Command) => {
      const format = outputFormat(command.optsWithGlobals<GlobalOptions>());
      const body = await openClient(context, command).call('GET', address(id));
      if (format === 'table' && isJsonObject(body)) context.stdout.write(describeApproval(body));
      else printValue(context, format, body);
    });

  async function decide(id: string, command: Command, decision: string, answer?: Json): Promise<void> {
    const options = command.optsWithGlobals<DecisionOptions>();
    const body = await openClient(context, command).call('POST', address(id, '/decision'), {
      body: {
        decision,
        ...(answer === undefined ? {} : { answer }),
        ...(options.comment === undefined ? {} : { comment: options.comment }),
        ...(options.hash === undefined ? {} : { arguments_hash: options.hash }),
      },
    });
    const format = outputFormat(options);
    if (format !== 'table' || !isJsonObject(body)) printValue(context, format, body);
    else say(context, `${plainText(body['status'])}: ${visibleLine(plainText(body['title']), 200)}`);
  }

  const comment = ['--comment <text>', 'why; the run gets it too'] as const;
  const hash = [
    '--hash <sha256>',
    'arguments_hash of what you were shown; refused when it is another',
  ] as const;
  approvals
    .command('approve <id>')
    .description('let it be done; by id or code')
    .option(...comment)
    .option(...hash)
    .action((id: string, _options: unknown, command: Command) => decide(id, command, 'approve'));
  approvals
    .command('reject <id>')
    .description('do not let it be done; by id or code')
    .option(...comment)
    .option(...hash)
    .action((id: string, _options: unknown, command: Command) => decide(id, command, 'reject'));
  approvals
    .command('answer <id> <answer>')
    .description('answer a question; as JSON where it asks for more than a text')
    .option(...comment)
    .action(async (id: string, text: string, _options: unknown, command: Command) => {
      const asked = await openClient(context, command).call('GET', address(id));
      await decide(id, command, 'answer', answerFor(asked, text));
    });
  approvals
    .command('review')
    .description('go through what waits, one by one, and decide at the terminal')
    .option('--run <id>', 'only of this run and its children')
    .action(async (_options: unknown, command: Command) => {
      const { run } = command.optsWithGlobals<ListOptions>();
      await reviewApprovals(context, openClient(context, command), run);
    });
}
