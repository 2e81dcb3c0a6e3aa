import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

// A model server that costs next to nothing: fixed answers in the sizes of the reference figures. A model named `paced`
// says one word each 10 ms; any other model says all 64 at once.
const message = { role: 'assistant', content: 'x'.repeat(256), refusal: null };
const head = {
  id: 'chatcmpl-bench',
  created: 1_790_000_000,
  model: 'bench-model',
  system_fingerprint: 'fp_1',
};
const usage = { prompt_tokens: 20, completion_tokens: 64, total_tokens: 84 };
const whole = Buffer.from(
  JSON.stringify({
    ...head,
    object: 'chat.completion',
    choices: [{ index: 0, message, logprobs: null, finish_reason: 'stop' }],
    usage,
  }),
);
const event = (choices: object[], more: object = {}): string =>
  `data: ${JSON.stringify({ ...head, object: 'chat.completion.chunk', choices, usage: null, ...more })}\n\n`;
const word = event([{ index: 0, delta: { content: ' word' }, logprobs: null, finish_reason: null }]);
const end = `${event([{ index: 0, delta: {}, logprobs: null, finish_reason: 'stop' }])}${event([], { usage })}data: [DONE]\n\n`;
const burst = Buffer.from(word.repeat(62) + end);
const pacedWord = Buffer.from(word);
const pacedEnd = Buffer.from(end);
const words = 200;
const gapMs = 10;

function pace(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  let left = words;
  const timer = setInterval(() => {
    left -= 1;
    if (left > 0) response.write(pacedWord);
    else {
      clearInterval(timer);
      response.end(pacedEnd);
    }
  }, gapMs);
  response.on('close', () => clearInterval(timer));
}

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const [only = Buffer.alloc(0)] = chunks;
    const body = (chunks.length > 1 ? Buffer.concat(chunks) : only).toString('latin1');
    if (body.includes('"paced"')) pace(response);
    else if (/"stream" ?: ?true/.test(body)) {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(burst);
    } else {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': whole.length });
      response.end(whole);
    }
  });
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${port}` })}\n`);
});
process.on('SIGTERM', () => process.exit(0));
