import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createContext, Script } from 'node:vm';
import type { JsonataReply, JsonataRequest } from './jsonata-messages.ts';

// This file is the entry of a process that evaluates JSONata. Each evaluation has a fresh context with nothing but the
// language: no globals of Node, no code made from texts, nothing left by others; only texts pass in and out.

const source = readFileSync(createRequire(import.meta.url).resolve('jsonata'), 'utf8');
const library = new Script(`var module = { exports: {} }, exports = module.exports;\n${source}`, {
  filename: 'jsonata.js',
});
const evaluation = new Script(
  `(() => {
    const jsonata = module.exports;
    const { expression, input } = JSON.parse(request);
    module = exports = request = undefined;
    const plain = (_key, value) =>
      typeof value === 'function' || (value && (value._jsonata_function || value._jsonata_lambda)) ? undefined : value;
    (async () => {
      try {
        const value = await jsonata(expression).evaluate(JSON.parse(input));
        outcome = '{"kind":"value","value":' + (JSON.stringify(value, plain) ?? 'null') + '}';
      } catch (error) {
        const { message, position } = error ?? {};
        outcome = JSON.stringify({ kind: 'failed', message: String(message ?? 'failed'), position });
      }
    })();
  })()`,
  { filename: 'evaluation.js' },
);

const marker = '{"kind":"value","value":';

function evaluate(request: JsonataRequest): JsonataReply {
  const { id, timeoutMs } = request;
  const globals = { request: JSON.stringify(request), outcome: '' };
  Object.setPrototypeOf(globals, null);
  const context = createContext(globals, {
    codeGeneration: { strings: false, wasm: false },
    // Promises of the context are settled within the time limit of the call.
    microtaskMode: 'afterEvaluate',
  });
  library.runInContext(context);
  // The main process ends an evaluation in time; this is for the case that it is not there any more.
  evaluation.runInContext(context, { timeout: timeoutMs + 1000 });
  const { outcome } = globals;
  if (outcome === '') return { kind: 'failed', id, message: 'it has no end' };
  if (outcome.startsWith(marker)) return { kind: 'value', id, value: outcome.slice(marker.length, -1) };
  return { ...(JSON.parse(outcome) as JsonataReply), id };
}

process.on('message', (request: JsonataRequest) => {
  let reply: JsonataReply;
  try {
    reply = evaluate(request);
  } catch (error) {
    reply = { kind: 'failed', id: request.id, message: error instanceof Error ? error.message : 'failed' };
  }
  process.send?.(reply);
});
// oxlint-disable-next-line unicorn/no-process-exit -- a worker without its main process has nothing to do
process.on('disconnect', () => process.exit(0));
