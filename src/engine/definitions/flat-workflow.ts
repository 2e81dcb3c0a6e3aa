import { isJsonObject, type Json, type JsonObject } from '../../base/index.ts';
import { definitionVersion } from '../../protocol/index.ts';

/** Names of actions that changed; others only write `_` for `-`. */
const actionNames: Readonly<Record<string, string>> = { sub_workflow: 'run_workflow' };

const pick = (value: JsonObject, ...names: readonly string[]): Json | undefined =>
  names.map((name) => value[name]).find((one) => one !== undefined && one !== null);

const objectAt = (value: JsonObject, ...names: readonly string[]): JsonObject => {
  const found = pick(value, ...names);
  return isJsonObject(found) ? found : {};
};

const listAt = (value: JsonObject, name: string): readonly JsonObject[] => {
  const found = value[name];
  return Array.isArray(found) ? (found as readonly Json[]).filter(isJsonObject) : [];
};

/** Leaves out what is not there. */
const present = (value: Readonly<Record<string, Json | undefined>>): JsonObject =>
  Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined));

/** What expressions of the old form call the answer of an agent. */
const answers = new Set(['result', 'response', 'output', 'content']);

/** In the old form inputs and steps stand side by side; here each has a place of its own. */
class Names {
  readonly #inputs: ReadonlySet<string>;
  readonly #actions: ReadonlyMap<string, string>;

  constructor(inputs: Iterable<string>, steps: readonly JsonObject[]) {
    this.#inputs = new Set(inputs);
    const actions = new Map<string, string>();
    const visit = (list: readonly JsonObject[]): void => {
      for (const step of list) {
        if (typeof step['id'] === 'string') actions.set(step['id'], actionOf(step));
        for (const field of ['steps', 'then', 'else']) visit(listAt(step, field));
      }
    };
    visit(steps);
    this.#actions = actions;
  }

  /** A value with the names in its `{{ … }}` and `{% … %}` in the new form. */
  inTemplates(value: Json): Json {
    if (typeof value === 'string')
      return value.replaceAll(/\{\{[\s\S]*?\}\}|\{%[\s\S]*?%\}/g, (part) => this.inExpression(part));
    if (Array.isArray(value)) return (value as readonly Json[]).map((one) => this.inTemplates(one));
    if (!isJsonObject(value)) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, one]) => [key, one === undefined ? one : this.inTemplates(one)]),
    );
  }

  inExpression(text: string): string {
    const token = /"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|(?<![\w.])([A-Za-z_]\w*)((?:\.\w+)?)(?!\s*[=(](?!=))/g;
    return text.replaceAll(token, (whole, name: string | undefined, field: string | undefined) => {
      if (name === undefined) return whole;
      const action = this.#actions.get(name);
      if (action === undefined) return this.#inputs.has(name) ? `inputs.${whole}` : whole;
      const renamed = action === 'invoke_agent' && answers.has((field ?? '').slice(1)) ? '.text' : field;
      return `steps.${name}.output${renamed ?? ''}`;
    });
  }
}

function actionOf(step: JsonObject): string {
  const written = pick(step, 'action', 'type');
  const name = typeof written === 'string' ? written.replaceAll('-', '_') : '';
  return actionNames[name] ?? name;
}

/** Words of a command line, quotes and expressions kept together. */
function wordsOf(command: string): readonly string[] {
  const words = command.match(/(?:\{\{[\s\S]*?\}\}|"[^"]*"|'[^']*'|[^\s"'])+/g) ?? [];
  return words.map((word) =>
    word.replaceAll(/"([^"]*)"|'([^']*)'/g, (_whole, one, two) => String(one ?? two ?? '')),
  );
}

const seconds = (value: Json | undefined): string | undefined =>
  typeof value === 'number' ? `${value}s` : undefined;

/** Inputs of an action, with what the old form wrote beside them. */
function inputsOf(action: string, step: JsonObject, names: Names): JsonObject {
  const given = names.inTemplates(objectAt(step, 'inputs', 'parameters')) as JsonObject;
  const written = (...fields: readonly string[]): Json | undefined => {
    const found = pick(step, ...fields);
    return found === undefined ? undefined : names.inTemplates(found);
  };
  switch (action) {
    case 'invoke_agent': {
      const { agent = written('agent'), message, prompt, task, ...data } = given;
      const told = message ?? prompt ?? task;
      const rest = Object.keys(data).length > 0;
      if (told !== undefined && !rest) return present({ agent, message: told });
      const input = told === undefined ? data : { ...data, message: told };
      return present({ agent, input: rest || told !== undefined ? input : '{{ inputs }}' });
    }
    case 'run_command': {
      const command = given['command'] ?? written('command');
      return present({ ...given, command: typeof command === 'string' ? wordsOf(command) : command });
    }
    case 'http_request':
      return present({
        ...given,
        url: given['url'] ?? written('url'),
        method: given['method'] ?? pick(step, 'http_method'),
        headers: given['headers'] ?? written('http_headers'),
        json: given['json'] ?? written('http_body'),
      });
    case 'wait':
      return present({ ...given, duration: given['duration'] ?? seconds(pick(step, 'duration_seconds')) });
    case 'run_workflow': {
      const called = names.inTemplates(objectAt(step, 'sub_workflow')) as JsonObject;
      const inputs = pick(called, 'inputs') ?? (Object.keys(given).length > 0 ? given : undefined);
      return present({ workflow: pick(called, 'workflow', 'name'), inputs });
    }
    case 'conditional': {
      const condition = pick(step, 'condition');
      return present({
        condition: typeof condition === 'string' ? names.inExpression(condition) : condition,
      });
    }
    default:
      return given;
  }
}

function retryOf(step: JsonObject): Json | undefined {
  const { retry } = step;
  if (!isJsonObject(retry)) return typeof retry === 'number' ? retry : undefined;
  const attempts = pick(retry, 'max_attempts', 'attempts');
  if (typeof attempts !== 'number' || attempts <= 1) return undefined;
  const delay = pick(retry, 'delay_seconds');
  return typeof delay === 'number' ? { attempts, backoff: { initial: delay * 1000, factor: 1 } } : attempts;
}

function stepOf(step: JsonObject, names: Names, before: string | undefined, goesOn: boolean): JsonObject {
  const action = actionOf(step);
  const condition = pick(step, 'condition', 'when');
  const named = pick(step, 'depends_on', 'dependsOn');
  const inner = (field: string): Json | undefined => {
    const found = listAt(step, field);
    return found.length === 0 ? undefined : found.map((one) => stepOf(one, names, undefined, goesOn));
  };
  const common = present({
    id: step['id'],
    name: step['name'] ?? undefined,
    description: step['description'] ?? undefined,
    depends_on: named ?? (before === undefined ? undefined : [before]),
    retry: retryOf(step),
    timeout: seconds(pick(step, 'timeout_seconds')) ?? pick(step, 'timeout'),
    on_error: goesOn ? 'continue' : pick(step, 'on_error'),
  });
  const until = step['wait_condition'];
  if (action === 'wait' && typeof until === 'string')
    return {
      ...common,
      action: 'transform',
      inputs: { expression: names.inExpression(until) },
      repeat_until: { condition: 'output', delay: '1s', max_iterations: 10_000 },
    };
  return present({
    ...common,
    action,
    inputs: inputsOf(action, step, names),
    when:
      action === 'conditional' || condition === undefined
        ? undefined
        : typeof condition === 'string'
          ? names.inExpression(condition)
          : condition,
    steps: inner(action === 'conditional' ? 'then' : 'steps'),
    else: inner('else'),
  });
}

/** An input: in the old form it may be left out unless it says otherwise. */
function portOf(port: Json): Json {
  if (!isJsonObject(port)) return port;
  const { required, default: value, description, ...rest } = port;
  return present({
    ...rest,
    description: description ?? undefined,
    default: value ?? undefined,
    required: required === true ? undefined : false,
  });
}

function labelsOf(value: JsonObject): JsonObject {
  const { author, tags } = objectAt(value, 'metadata');
  const { schedule, on_event: onEvent, on_change: onChange } = objectAt(value, 'triggers');
  const text = (one: Json | undefined): string | undefined => {
    const shown = Array.isArray(one) ? one.join(', ') : one;
    return typeof shown === 'string' && shown !== '' ? shown.slice(0, 256) : undefined;
  };
  return present({
    version: text(value['version']),
    author: text(author),
    tags: text(tags),
    // What starts it is a definition of its own here; nobody shall look for it in vain.
    'triggers-schedule': text(schedule),
    'triggers-event': text(onEvent),
    'triggers-change': text(onChange),
  });
}

/** Is it a workflow in the flat form of AGENT-33? */
export function isFlatWorkflow(value: JsonObject): boolean {
  return Array.isArray(value['steps']);
}

/**
 * A workflow in the flat form of AGENT-33 in the full form. Names in expressions are put in their places (`topic` →
 * `inputs.topic`, `research.result` → `steps.research.output.text`). `triggers` become labels: what starts a workflow
 * is a schedule or a sensor here. Declared types of outputs are left out; the output is that of the last steps.
 */
export function fromFlatWorkflow(value: JsonObject, name: string): JsonObject {
  const inputs = objectAt(value, 'inputs', 'parameters');
  const steps = listAt(value, 'steps');
  const execution = objectAt(value, 'execution');
  const names = new Names(Object.keys(inputs), steps);
  const anyOrder = steps.some((step) => pick(step, 'depends_on', 'dependsOn') !== undefined);
  const oneByOne = (execution['mode'] ?? (anyOrder ? 'dependency-aware' : 'sequential')) === 'sequential';
  const outputs = Object.entries(objectAt(value, 'outputs')).filter(
    ([, one]) => typeof one === 'string' && one.includes('{{'),
  );
  const limits = present({
    concurrency: pick(execution, 'parallel_limit'),
    timeout: seconds(pick(execution, 'timeout_seconds') ?? pick(value, 'timeout_seconds')),
  });
  return {
    apiVersion: definitionVersion,
    kind: 'Workflow',
    metadata: { name, labels: labelsOf(value) },
    spec: present({
      description: value['description'] ?? undefined,
      inputs: Object.fromEntries(Object.entries(inputs).map(([key, port]) => [key, portOf(port ?? null)])),
      outputs: outputs.length === 0 ? undefined : names.inTemplates(Object.fromEntries(outputs)),
      variables: isJsonObject(value['variables']) ? value['variables'] : undefined,
      limits: Object.keys(limits).length === 0 ? undefined : limits,
      steps: steps.map((step, index) => {
        const before = oneByOne && index > 0 ? steps[index - 1]?.['id'] : undefined;
        return stepOf(
          step,
          names,
          typeof before === 'string' ? before : undefined,
          execution['continue_on_error'] === true,
        );
      }),
    }),
  };
}
