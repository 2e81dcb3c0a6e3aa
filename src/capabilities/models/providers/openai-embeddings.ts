import { isJsonObject, type Json } from '../../../base/index.ts';
import { addUsage, noUsage, type Usage } from '../../../protocol/index.ts';
import type { EmbeddingRequest, EmbeddingResponse } from '../provider.ts';

/** What one call to an embedding service came to. */
export interface EmbeddedBatch {
  readonly vectors: readonly (readonly number[])[];
  readonly usage: Usage;
  readonly model?: string;
}

/** Embeds texts in batches of at most `largest`, one after the other; order is kept, usage summed. */
export async function embedInBatches(
  request: EmbeddingRequest,
  largest: number,
  embed: (texts: readonly string[]) => Promise<EmbeddedBatch>,
): Promise<EmbeddingResponse> {
  const vectors: (readonly number[])[] = [];
  let usage = noUsage;
  let { model } = request;
  for (let start = 0; start < request.texts.length; start += largest) {
    const texts = request.texts.slice(start, start + largest);
    const batch = await embed(texts);
    if (batch.vectors.length !== texts.length)
      throw new SyntaxError(`${batch.vectors.length} vectors for ${texts.length} texts`);
    vectors.push(...batch.vectors);
    usage = addUsage(usage, batch.usage);
    model = batch.model ?? model;
  }
  return { vectors, model, usage };
}

function vectorOf(embedding: Json | undefined): readonly number[] {
  if (Array.isArray(embedding) && embedding.every((one) => typeof one === 'number')) return embedding;
  // Some servers answer base64 of little-endian floats whatever they were asked.
  if (typeof embedding === 'string') {
    const bytes = Buffer.from(embedding, 'base64');
    return Array.from({ length: Math.floor(bytes.length / 4) }, (_one, index) =>
      bytes.readFloatLE(index * 4),
    );
  }
  throw new SyntaxError('an embedding is no list of numbers');
}

const count = (value: Json | undefined): number => (typeof value === 'number' ? value : 0);

/** The vectors of an answer in OpenAI's form, in the order of their `index`. */
export function readOpenAIEmbeddings(body: Json): EmbeddedBatch {
  const data = isJsonObject(body) ? body['data'] : undefined;
  if (!isJsonObject(body) || !Array.isArray(data)) throw new SyntaxError('no list of embeddings');
  const items = (data as readonly Json[]).filter(isJsonObject);
  const places = items.map((item, place) => (typeof item['index'] === 'number' ? item['index'] : place));
  const vectors: (readonly number[])[] = [];
  for (const [place, item] of items.entries()) vectors[places[place] ?? place] = vectorOf(item['embedding']);
  if (vectors.length !== items.length || new Set(places).size !== items.length)
    throw new SyntaxError('embeddings with a wrong index');
  const usage = isJsonObject(body['usage']) ? body['usage'] : {};
  const { model } = body;
  return {
    vectors,
    usage: {
      inputTokens: count(usage['prompt_tokens'] ?? usage['total_tokens']),
      outputTokens: 0,
      costUsd: null,
    },
    ...(typeof model === 'string' && model !== '' ? { model } : {}),
  };
}
