import { createServer } from 'node:net';

// Portkey's gateway as it is shipped. With `@hono/node-server` above 1.14.2 each of its streams fails, hence the override.
const port = await new Promise((resolve) => {
  const probe = createServer().listen(0, '127.0.0.1', () => {
    const { port: free } = probe.address();
    probe.close(() => resolve(free));
  });
});
process.argv.push(`--port=${port}`, '--headless');
process.env.NODE_ENV = 'production';
// It writes to the terminal as it starts; the ready line below is all that may go to the standard output.
const write = process.stdout.write.bind(process.stdout);
process.stdout.write = () => true;
await import('@portkey-ai/gateway/build/start-server.js');
const url = `http://127.0.0.1:${port}`;
for (;;) {
  const ready = await fetch(url).then(
    () => true,
    () => false,
  );
  if (ready) break;
  await new Promise((resolve) => setTimeout(resolve, 50));
}
process.on('SIGTERM', () => process.exit(0));
write(`${JSON.stringify({ url })}\n`);
