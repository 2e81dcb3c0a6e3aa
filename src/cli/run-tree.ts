import { isJsonObject, type Json, type JsonObject } from '../base/index.ts';
import { plainText } from './output.ts';

/** A run in a tree, as the server tells it. */
export interface TreeRun {
  readonly id: string;
  readonly name: string;
  status: string;
  /** What it is doing now, or why it failed. */
  detail: string;
  readonly children: TreeRun[];
}

function targetOf(body: JsonObject): string {
  const { target } = body;
  return isJsonObject(target) ? `${plainText(target['kind'])} ${plainText(target['name'])}` : 'run';
}

/** The answer of `GET /api/v1/runs/{id}/tree`, with what is known of its runs already. */
export function treeOf(body: Json, known: ReadonlyMap<string, TreeRun> = new Map()): TreeRun {
  const root = isJsonObject(body) ? (body['root'] ?? body) : body;
  const run = isJsonObject(root) ? root : {};
  const id = plainText(run['run_id']);
  const { error, children, waiting_for: waiting } = run;
  const reason = isJsonObject(error)
    ? plainText(error['message'])
    : Array.isArray(waiting) && waiting.length > 0
      ? `waits for ${waiting.map((one) => plainText(one)).join(', ')}`
      : '';
  return {
    id,
    name: targetOf(run),
    status: plainText(run['status']),
    detail: reason === '' ? (known.get(id)?.detail ?? '') : reason,
    children: Array.isArray(children) ? children.map((child) => treeOf(child, known)) : [],
  };
}

/** The tree as lines, each with how deep it is drawn. */
export function treeLines(run: TreeRun, prefix = '', branch = ''): readonly string[] {
  const detail = run.detail === '' ? '' : `  ${run.detail}`;
  const below = prefix + (branch === '' ? '' : branch === '└─ ' ? '   ' : '│  ');
  return [
    `${prefix}${branch}${run.name}  ${run.status}  ${run.id}${detail}`,
    ...run.children.flatMap((child, index) =>
      treeLines(child, below, index === run.children.length - 1 ? '└─ ' : '├─ '),
    ),
  ];
}

/** Every run of a tree by its id. */
export function runsOf(run: TreeRun, into = new Map<string, TreeRun>()): Map<string, TreeRun> {
  into.set(run.id, run);
  for (const child of run.children) runsOf(child, into);
  return into;
}

/** Takes an event of a run into its line. Returns what is worth a line of its own, if anything. */
export function applyEvent(run: TreeRun, event: JsonObject): string | undefined {
  const name = plainText(event['name'] ?? event['step']);
  const type = plainText(event['type']);
  switch (type) {
    case 'run-start':
      run.status = 'running';
      run.detail = '';
      return 'running';
    case 'step-start':
      run.status = 'running';
      run.detail = `→ ${name}`;
      return `step ${plainText(event['step'])} begins`;
    case 'step-end':
      run.detail = '';
      return `step ${plainText(event['step'])} ${event['ok'] === false ? 'failed' : 'done'}`;
    case 'run-waiting':
    case 'approval-requested':
      run.status = 'waiting';
      run.detail =
        type === 'run-waiting' && Array.isArray(event['reasons'])
          ? `waits for ${event['reasons'].map((one) => plainText(one)).join(', ')}`
          : `asks: ${plainText(event['title'])}`;
      return run.detail;
    case 'run-end': {
      run.status = plainText(event['status']);
      run.detail = isJsonObject(event['error']) ? plainText(event['error']['message']) : '';
      return run.detail === '' ? run.status : `${run.status}: ${run.detail}`;
    }
    default:
      return undefined;
  }
}
