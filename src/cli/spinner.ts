import { isDecorated, type CliContext } from './cli-context.ts';

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

/** Shows on a terminal that something is under way; the returned function takes it away and may be called again. */
export function startSpinner(context: CliContext, label: string): () => void {
  if (!isDecorated(context, context.stderr)) return () => {};
  let frame = 0;
  const cancel = context.clock.every(80, () => {
    frame += 1;
    context.stderr.write(`\r${frames[frame % frames.length]} ${label}`);
  });
  let stopped = false;
  return () => {
    if (stopped) return;
    stopped = true;
    cancel();
    context.stderr.write('\r\u001B[2K');
  };
}
