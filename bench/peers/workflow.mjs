// Ten instant steps, one after the other, in a peer: `node workflow.mjs mastra|langgraph|langgraph-postgres|dbos [URL]`.
// Prints {"cpuMs", "wallMs"} for one workflow.
const [peer = '', url = ''] = process.argv.slice(2);
const steps = 10;

async function mastra() {
  const { createStep, createWorkflow } = await import('@mastra/core/workflows');
  const { z } = await import('zod');
  const shape = z.object({ n: z.number() });
  let workflow = createWorkflow({ id: 'bench', inputSchema: shape, outputSchema: shape });
  for (let index = 0; index < steps; index += 1)
    workflow = workflow.then(
      createStep({
        id: `s${index}`,
        inputSchema: shape,
        outputSchema: shape,
        execute: async ({ inputData }) => ({ n: inputData.n + 1 }),
      }),
    );
  workflow.commit();
  return async () => {
    const run = await workflow.createRun();
    const { status } = await run.start({ inputData: { n: 0 } });
    if (status !== 'success') throw new Error(`mastra: ${status}`);
  };
}

async function langgraph(checkpointer) {
  const { Annotation, END, START, StateGraph } = await import('@langchain/langgraph');
  const graph = new StateGraph(Annotation.Root({ n: Annotation() }));
  let previous = START;
  for (let index = 0; index < steps; index += 1) {
    graph.addNode(`s${index}`, async (state) => ({ n: (state.n ?? 0) + 1 }));
    graph.addEdge(previous, `s${index}`);
    previous = `s${index}`;
  }
  graph.addEdge(previous, END);
  const app = graph.compile(checkpointer === undefined ? {} : { checkpointer });
  let thread = 0;
  return async () => {
    thread += 1;
    const { n } = await app.invoke({ n: 0 }, { configurable: { thread_id: `${process.pid}:${thread}` } });
    if (n !== steps) throw new Error(`langgraph: ${String(n)}`);
  };
}

async function langgraphPostgres() {
  const { PostgresSaver } = await import('@langchain/langgraph-checkpoint-postgres');
  const saver = PostgresSaver.fromConnString(url);
  await saver.setup();
  return langgraph(saver);
}

async function dbos() {
  const { DBOS } = await import('@dbos-inc/dbos-sdk');
  DBOS.setConfig({ name: 'bench', systemDatabaseUrl: url, logLevel: 'error', runAdminServer: false });
  const workflow = DBOS.registerWorkflow(
    async () => {
      let n = 0;
      for (let index = 0; index < steps; index += 1)
        n = await DBOS.runStep(async () => n + 1, { name: `s${index}` });
      return n;
    },
    { name: 'bench' },
  );
  await DBOS.launch();
  return async () => {
    if ((await workflow()) !== steps) throw new Error('dbos');
  };
}

const peers = { mastra, langgraph: () => langgraph(), 'langgraph-postgres': langgraphPostgres, dbos };
const once = await peers[peer]();
const isInMemory = url === '';
for (let index = 0; index < (isInMemory ? 100 : 20); index += 1) await once();
const rounds = [];
for (let round = 0; round < 5; round += 1) {
  const count = isInMemory ? 100 : 20;
  const cpu = process.cpuUsage();
  const begun = performance.now();
  for (let index = 0; index < count; index += 1) await once();
  const used = process.cpuUsage(cpu);
  rounds.push({
    cpuMs: (used.user + used.system) / 1000 / count,
    wallMs: (performance.now() - begun) / count,
  });
}
const median = (name) => rounds.map((one) => one[name]).toSorted((a, b) => a - b)[2];
process.stdout.write(`${JSON.stringify({ cpuMs: median('cpuMs'), wallMs: median('wallMs') })}\n`, () =>
  process.exit(0),
);
