import { definitionKinds, type DefinitionKind } from '../protocol/index.ts';

/** A file that `init` writes; the path is relative to the project. */
export interface TemplateFile {
  readonly path: string;
  readonly text: string;
}

function schemaLine(kind: DefinitionKind, path: string): string {
  const up = '../'.repeat(path.split('/').length - 1) || './';
  return `# yaml-language-server: $schema=${up}.agent33/schemas/${kind.toLowerCase()}.schema.json\n`;
}

function agentText(name: string): string {
  return `apiVersion: agent33/v1
kind: Agent
metadata:
  name: ${name}
spec:
  description: Answers questions briefly.
  # Without a model the project's default one answers.
  # model: { provider: ollama, name: llama3.2, temperature: 0.2 }
  instructions: |
    You are a helpful assistant. Answer briefly, and say so when you do not know.
  # What the agent may use; it has no tool that is not listed.
  tools:
    - clock
    - calculator
  limits:
    maxSteps: 8
    timeout: 2m
`;
}

const projectFile = (name: string): string => `apiVersion: agent33/v1
kind: Project
metadata:
  name: ${name}
spec:
  # Answers when a request names no agent.
  defaultAgent: assistant
`;

function channelText(name: string): string {
  return `apiVersion: agent33/v1
kind: Channel
metadata:
  name: ${name}
spec:
  platform: telegram
  # Set TELEGRAM_BOT_TOKEN in .env, then switch it on.
  enabled: false
  agent: assistant
  token: \${TELEGRAM_BOT_TOKEN}
  access:
    # Anybody may write to the bot; "allowlist" admits only the ids under users.
    dm: open
`;
}

function workflowText(name: string): string {
  return `apiVersion: agent33/v1
kind: Workflow
metadata:
  name: ${name}
spec:
  description: Prepares a topic and lets an agent answer.
  inputs:
    topic: { type: string, description: What to write about. }
  steps:
    - id: question
      action: transform
      inputs:
        value: "Write two sentences about {{ inputs.topic | trim }}."
    # Runs when "question" is done, because an expression names it.
    - id: answer
      action: invoke_agent
      inputs:
        agent: assistant
        message: "{{ steps.question.output }}"
      retry: { attempts: 3 }
  outputs:
    text: "{{ steps.answer.output.text }}"
`;
}

function teamText(name: string): string {
  return `apiVersion: agent33/v1
kind: Team
metadata:
  name: ${name}
spec:
  description: A lead gives parts of the work to members and merges their answers.
  # coordinate | route | collaborate | handoff
  mode: coordinate
  members:
    - assistant
  limits:
    maxRounds: 6
    timeout: 10m
`;
}

function scheduleText(name: string): string {
  return `apiVersion: agent33/v1
kind: Schedule
metadata:
  name: ${name}
spec:
  # Switch it on when its target is there.
  enabled: false
  cron: "0 7 * * 1-5"
  timezone: UTC
  start: { agent: assistant }
  inputs:
    message: "Good morning. It is {{ slot }}."
  # What passed while the server was down: skip, once or all.
  missed: skip
`;
}

function sensorText(name: string): string {
  return `apiVersion: agent33/v1
kind: Sensor
metadata:
  name: ${name}
spec:
  enabled: false
  type: file_change
  config:
    path: workspace
  debounce: 2s
  start: { agent: assistant }
  inputs:
    message: "These files changed: {{ events | map(attribute='path') | join(', ') }}"
`;
}

function routeText(name: string): string {
  return `apiVersion: agent33/v1
kind: Route
metadata:
  name: ${name}
spec:
  enabled: false
  # Higher ones are tried first; the first that fits decides.
  priority: 10
  source: telegram
  contentPattern: "(?i)^/code"
  agent: assistant
`;
}

function modelRouterText(name: string): string {
  return `apiVersion: agent33/v1
kind: ModelRouter
metadata:
  name: ${name}
spec:
  groups:
    # What agents and clients ask for, and who may answer: provider/model, or more about it.
    ${name}:
      - provider: ollama
        model: llama3.2
        weight: 1
        # apiKey: os.environ/OPENAI_API_KEY
        # rpm: 600
        # timeouts: { firstToken: 30s }
  # aliases: { fast: ${name} }
  router:
    strategy: weighted-shuffle
    retries: 2
`;
}

const texts: Readonly<Record<DefinitionKind, (name: string) => string>> = {
  Agent: agentText,
  Team: teamText,
  Workflow: workflowText,
  Schedule: scheduleText,
  Sensor: sensorText,
  Channel: channelText,
  Route: routeText,
  ModelRouter: modelRouterText,
  Project: projectFile,
};

/** The definition file of a kind, as `init` begins it. */
export function definitionTemplate(kind: DefinitionKind, name: string): TemplateFile {
  const { folder } = definitionKinds[kind];
  const path = folder === undefined ? 'agent33.yaml' : `${folder}/${name}.yaml`;
  return { path, text: `${schemaLine(kind, path)}${texts[kind](name)}` };
}

/** A whole project: settings, one agent, and what keeps secrets out of version control. */
export function projectTemplate(name: string): readonly TemplateFile[] {
  return [
    definitionTemplate('Project', name),
    definitionTemplate('Agent', 'assistant'),
    { path: '.gitignore', text: '.agent33/\n.env\n' },
    {
      path: '.env.example',
      text: `# Copy to .env. Without any of these an offline assistant answers that uses tools but no language model.
# OLLAMA_BASE_URL=http://localhost:11434
# OPENAI_API_KEY=
# ANTHROPIC_API_KEY=
`,
    },
    {
      path: '.vscode/settings.json',
      text: `${JSON.stringify(
        {
          'yaml.schemas': Object.fromEntries(
            Object.entries(definitionKinds).map(([kind, { folder }]) => [
              `./.agent33/schemas/${kind.toLowerCase()}.schema.json`,
              folder === undefined ? 'agent33.yaml' : `${folder}/*.yaml`,
            ]),
          ),
        },
        null,
        2,
      )}\n`,
    },
  ];
}

const ownPackage = 'agent33';

/** The first version of a tool: a module that the server loads at its start. */
export function toolTemplate(name: string): TemplateFile {
  const toolName = name.replaceAll('-', '_');
  return {
    path: `tools/${name}.ts`,
    text: `// A tool for agents. The server loads what lies in tools/ at its start; \`agent33 dev\` restarts when it changes.
// An agent uses it when its definition names it:  tools: [${toolName}]
import { defineTool, ToolResult, z } from '${ownPackage}';

export default defineTool({
  name: '${toolName}',
  // The model reads this to decide when to call it.
  description: 'Counts the words of a text.',
  // Checked before execute is called; the descriptions go to the model too.
  parameters: z.strictObject({
    text: z.string().min(1).describe('The text to count.'),
  }),
  // What people might say; the offline assistant recognises the tool by it.
  examples: ['count the words of'],
  // none: it only reads. keyed: it changes something and passes context.idempotencyKey on.
  // unkeyed: it must not be repeated when a crash leaves it in doubt.
  effect: 'none',
  execute: async ({ text }, context) => {
    context.signal.throwIfAborted();
    const words = text.split(/\\s+/).filter((word) => word !== '').length;
    return ToolResult.ok(\`\${words} words\`, { data: words });
  },
});
`,
  };
}
