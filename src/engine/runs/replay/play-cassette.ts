import { AppError, isJsonObject, type Json } from '../../../base/index.ts';
import { cassetteFormat, cassetteSchema, type Cassette, type RunRecording } from '../../../protocol/index.ts';
import { playbackRedactor, rewriteRecording } from './export-cassette.ts';
import { jsonDifferences, type JsonDifference } from './json-differences.ts';
import { replayRecording, type ReplayOptions } from './replay-recording.ts';
import type { ReplayDifference, RunReplay } from './replay-outcome.ts';

export interface PlayOptions {
  readonly replay: Omit<ReplayOptions, 'prepare' | 'rewrite' | 'earlier'>;
  /** Definitions of today; the secrets in them are taken out of inputs as they were taken out of the cassette. */
  readonly definitions: readonly Json[];
  /** Faults of a value against a JSON Schema. */
  readonly schemaFaults: (
    schema: NonNullable<Cassette['expect']>['schema'] & object,
    value: Json,
  ) => readonly string[];
}

/** What playing a cassette came to. */
export interface PlayedCassette {
  /** In the order of their weight: the first difference, then expectations that are not met. Empty: it passes. */
  readonly faults: readonly string[];
  readonly difference: ReplayDifference | null;
  /** Where the definition of today is another one than the recorded. */
  readonly definitionChanges: readonly JsonDifference[];
}

/** Reads a cassette. Error: `invalid_request`, naming the field. */
export function parseCassette(value: unknown): Cassette {
  const format = isJsonObject(value) ? value['format'] : undefined;
  if (format !== cassetteFormat)
    throw new AppError(
      'invalid_request',
      `not a cassette: format: expected "${cassetteFormat}", found ${JSON.stringify(format ?? null)}`,
    );
  const parsed = cassetteSchema.safeParse(value);
  if (parsed.success) return parsed.data as unknown as Cassette;
  const [issue] = parsed.error.issues;
  const field = issue?.path.join('.') ?? '';
  throw new AppError(
    'invalid_request',
    `not a cassette: ${field === '' ? '' : `${field}: `}${issue?.message ?? 'unreadable'}`,
  );
}

/** Executes a cassette offline and tells what is not as it should be. */
export async function playCassette(cassette: Cassette, options: PlayOptions): Promise<PlayedCassette> {
  const redactor = playbackRedactor(cassette, options.definitions);
  const prepare = (value: Json): Json => redactor.redact(value);
  const replay = await replayRecording(cassette, { ...options.replay, prepare });
  const changes =
    replay.definition === null ? [] : jsonDifferences(cassette.run.definition, prepare(replay.definition));
  const { expect } = cassette;
  const hasExpectation = expect?.contains !== undefined || expect?.schema !== undefined;
  const { difference } = replay;
  // Whoever says what the output has to be does not mean the recorded one.
  const counts =
    difference !== null && !(hasExpectation && difference.reason === 'output' && difference.step === null);
  const faults = counts ? [difference.message] : expectationFaults(cassette, replay, options);
  return { faults, difference: counts ? difference : null, definitionChanges: changes };
}

function expectationFaults(
  { expect }: Cassette,
  { output }: RunReplay,
  { schemaFaults }: PlayOptions,
): readonly string[] {
  const text =
    isJsonObject(output) && typeof output['text'] === 'string' ? output['text'] : JSON.stringify(output);
  const missing = (expect?.contains ?? [])
    .filter((part) => !text.includes(part))
    .map((part) => `expected the answer to contain ${JSON.stringify(part)}`);
  const schema = expect?.schema;
  const unfit = schema === undefined ? [] : schemaFaults(schema, output);
  return [...missing, ...unfit.map((fault) => `the output does not fit the expected schema: ${fault}`)];
}

/**
 * The cassette as if it had been recorded with the definitions of today: what models and tools answered stays, what they
 * were asked and what the run came to is written anew. Error: `conflict` when today's run asks for a step that the
 * cassette does not hold: then only a new recording helps.
 */
export async function updateCassette(cassette: Cassette, options: PlayOptions): Promise<Cassette> {
  const redactor = playbackRedactor(cassette, options.definitions);
  const prepare = (value: Json): Json => redactor.redact(value);
  const replay = await replayRecording(cassette, { ...options.replay, prepare, rewrite: true });
  if (replay.difference !== null)
    throw new AppError('conflict', `needs a new recording: ${replay.difference.message}`);
  const { format, version, redaction, expect } = cassette;
  const recording: RunRecording = rewriteRecording(cassette, replay, prepare);
  const asked = (of: RunRecording, played: RunReplay): RunRecording => ({
    ...of,
    steps: of.steps.filter((step) => of.ending.status !== 'completed' || played.asked.has(step.key)),
  });
  return {
    format,
    version,
    redaction,
    ...(expect === undefined ? {} : { expect }),
    ...asked(recording, replay),
  };
}
