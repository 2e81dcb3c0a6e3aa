import { AppError, type Json, type SerializedError } from '../../../base/index.ts';
import { cassetteFormat, type Cassette, type RunRecording } from '../../../protocol/index.ts';
import { trimRecorded } from './recorded-history.ts';
import { RecordingRedactor } from './recording-redactor.ts';
import { replayRecording, type ReplayOptions } from './replay-recording.ts';
import type { RunReplay } from './replay-outcome.ts';

export interface ExportOptions {
  readonly version: string;
  /** Take out e-mail addresses and telephone numbers, too. */
  readonly pii: boolean;
  /** Values that must not leave, such as those of the environment. */
  readonly secrets: readonly string[];
  /** What the process around takes out of its own logs. */
  readonly redact: (text: string) => string;
  readonly replay: Omit<ReplayOptions, 'against' | 'prepare' | 'rewrite' | 'earlier'>;
}

/**
 * A recording as a cassette that plays elsewhere. Secrets are taken out of everything that decides the run; it is then
 * played once more to find the digests of what remains, and a last time to prove that it plays. Error: `conflict` when
 * it does not.
 */
export async function exportCassette(recording: RunRecording, options: ExportOptions): Promise<Cassette> {
  const { replay, pii } = options;
  const proven = await replayRecording(recording, { ...replay, against: 'recorded' });
  if (proven.difference !== null)
    throw new AppError(
      'conflict',
      `the run cannot be replayed, so no cassette of it would play: ${proven.difference.message}`,
      {
        details: { difference: proven.difference },
      },
    );
  const redactor = new RecordingRedactor({ pii, redact: options.redact });
  redactor.learn(options.secrets);
  learnFrom(redactor, recording);
  const bare = redactRecording(trimmed(recording, proven), redactor);
  const prepare = (value: Json): Json => redactor.redact(value);
  const rewritten = await replayRecording(bare, { ...replay, against: 'recorded', prepare, rewrite: true });
  const cassette: Cassette = {
    format: cassetteFormat,
    version: options.version,
    redaction: { pii },
    ...rewriteRecording(bare, rewritten, prepare),
  };
  // Whoever plays it knows nothing of what was taken out here.
  const player = playbackRedactor(cassette, []);
  const played = await replayRecording(cassette, {
    ...replay,
    against: 'recorded',
    prepare: (value) => player.redact(value),
  });
  const difference = rewritten.difference ?? played.difference;
  if (difference !== null)
    throw new AppError(
      'conflict',
      `without its secrets the run takes another course: ${difference.message}`,
      {
        details: { difference },
      },
    );
  return cassette;
}

/** What is taken out of inputs when a cassette is played: what was taken out of it, and what definitions of today hold. */
export function playbackRedactor(
  cassette: Pick<Cassette, 'redaction'>,
  definitions: readonly Json[],
): RecordingRedactor {
  const redactor = new RecordingRedactor({ pii: cassette.redaction.pii });
  for (const definition of definitions) redactor.learnFrom(definition);
  return redactor;
}

/** The recording with the digests and inputs of a replay in place of its own, and the end that the replay came to. */
export function rewriteRecording(
  recording: RunRecording,
  replay: RunReplay,
  prepare: (value: Json) => Json,
): RunRecording {
  const { ending } = recording;
  return {
    run: {
      ...recording.run,
      definition: prepare(replay.definition),
      definition_hash: replay.definitionHash,
    },
    steps: recording.steps.map((step) => {
      const asked = replay.asked.get(step.key);
      return asked === undefined ? step : { ...step, digest: asked.digest, input: asked.input };
    }),
    children: Object.fromEntries(
      Object.entries(recording.children).map(([key, child]) => {
        const played = replay.children.get(key);
        return [key, played === undefined ? child : rewriteRecording(child, played, prepare)];
      }),
    ),
    ending: {
      ...ending,
      output: ending.status === 'completed' ? prepare(replay.output) : ending.output,
      error:
        ending.status === 'failed' && replay.error !== null
          ? (prepare(replay.error as unknown as Json) as unknown as SerializedError)
          : ending.error,
    },
  };
}

/** Leaves out what of the session's past the run never saw. */
function trimmed(recording: RunRecording, replay: RunReplay): RunRecording {
  const { run } = recording;
  return {
    ...recording,
    run: { ...run, history: trimRecorded(run.history ?? [], replay.historyTokens) },
    children: Object.fromEntries(
      Object.entries(recording.children).map(([key, child]) => {
        const played = replay.children.get(key);
        return [key, played === undefined ? child : trimmed(child, played)];
      }),
    ),
  };
}

function learnFrom(redactor: RecordingRedactor, { run, steps, children, ending }: RunRecording): void {
  for (const part of [run.definition, run.input, run.history as unknown as Json, ending.output])
    redactor.learnFrom(part);
  for (const step of steps) redactor.learnFrom([step.output, step.error as unknown as Json]);
  for (const child of Object.values(children)) learnFrom(redactor, child);
}

function redactRecording(recording: RunRecording, redactor: RecordingRedactor): RunRecording {
  const { run, ending } = recording;
  const without = <T>(value: T): T => redactor.redact(value as Json) as T;
  return {
    run: {
      ...run,
      definition: without(run.definition),
      input: without(run.input),
      history: without(run.history),
      source: without(run.source),
      // Who asked is nobody's business elsewhere; what kind of caller it was may decide something.
      principal: run.principal.split(':')[0] ?? '',
    },
    steps: recording.steps.map(({ input: _input, ...step }) => ({
      ...step,
      output: without(step.output),
      error: without(step.error),
    })),
    children: Object.fromEntries(
      Object.entries(recording.children).map(([key, child]) => [key, redactRecording(child, redactor)]),
    ),
    ending: { ...ending, output: without(ending.output), error: without(ending.error) },
  };
}
