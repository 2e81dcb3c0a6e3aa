import type { JsonObject } from '../base/index.ts';

/** A vector that tells the text it was made of: its length and its first letter. */
export function fakeVector(text: string): readonly number[] {
  return [text.length, text.codePointAt(0) ?? 0, 0.5];
}

/** Answer of `/rerank`: the longer a document, the better, and best last, as the order is the client's to make. */
export function fakeRanking(body: JsonObject): JsonObject {
  const documents = body['documents'] as readonly string[];
  return {
    model: body['model'],
    results: documents
      .map((text, index) => ({ index, relevance_score: text.length / 100 }))
      .toSorted((a, b) => a.relevance_score - b.relevance_score),
    usage: { total_tokens: documents.length },
  };
}
