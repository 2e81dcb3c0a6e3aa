import fastify from 'fastify';
import { Pool } from 'undici';

// The least that a proxy with Fastify and undici does: takes the body, sends it on, hands the answer over as it comes.
const pool = new Pool(process.env['UPSTREAM_URL'] ?? '', { connections: 128, pipelining: 1 });
const app = fastify();
app.removeAllContentTypeParsers();
app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) =>
  done(null, body),
);
app.post('/v1/chat/completions', async (request, reply) => {
  const { statusCode, headers, body } = await pool.request({
    path: '/v1/chat/completions',
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer upstream' },
    body: request.body as Buffer,
  });
  reply.code(statusCode).header('content-type', headers['content-type']);
  if (headers['content-length'] !== undefined) reply.header('content-length', headers['content-length']);
  return reply.send(body);
});
const url = await app.listen({ port: 0, host: '127.0.0.1' });
process.stdout.write(`${JSON.stringify({ url, apiKey: 'none' })}\n`);
process.on('SIGTERM', () => process.exit(0));
