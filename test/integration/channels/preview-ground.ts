import { systemClock } from '../../../src/base/index.ts';
import type { ChannelHub, ChannelHubDeps } from '../../../src/entrypoints/channels/index.ts';
import type { StepIo } from '../../../src/engine/runs/index.ts';
import type { ChannelDefinition } from '../../../src/protocol/index.ts';
import type { ChannelGround } from './channel-ground.ts';

/** An answer that comes in parts, each when the test says so. */
export interface SlowAnswer {
  /** Resolves when the agent has begun. */
  readonly begun: Promise<void>;
  say(text: string): void;
  use(tool: string): void;
  /** Ends the answer with this text. */
  finish(text: string): void;
  fail(error: Error): void;
}

/** Makes the ground's agent answer in parts. */
export function answerSlowly(ground: ChannelGround): SlowAnswer {
  const begun = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<string>();
  let emit: StepIo['emit'] = () => {};
  ground.executor.answer = (_message, context) =>
    context.step<string>(
      'model:1',
      'model',
      (io) => {
        emit = (event) => io.emit(event);
        begun.resolve();
        const aborted = new Promise<never>((_resolve, reject) => {
          io.signal.addEventListener('abort', () => reject(io.signal.reason as Error), { once: true });
        });
        return Promise.race([answer.promise, aborted]);
      },
      { input: null },
    );
  return {
    begun: begun.promise,
    say: (text) => emit({ type: 'text-delta', step: 'model:1', text }),
    use: (tool) =>
      emit({ type: 'tool-call', step: 'model:1', call: { id: tool, name: tool, arguments: {} } }),
    finish: (text) => answer.resolve(text),
    fail: (error) => answer.reject(error),
  };
}

/** A hub on the machine's clock: previews keep their times. */
export function startPunctualHub(
  ground: ChannelGround,
  definitions: readonly ChannelDefinition[],
  deps: Partial<ChannelHubDeps> = {},
): Promise<ChannelHub> {
  return ground.startHub(definitions, { clock: systemClock, ...deps });
}
