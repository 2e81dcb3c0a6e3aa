import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { AppError, isJsonObject, tryParseJson, type Json, type JsonObject } from '../../../base/index.ts';
import type { EmbeddingResponse } from '../../../capabilities/models/index.ts';
import { requireScope } from '../../../protocol/index.ts';
import { AnswerWriter } from '../gateway-door/answer-writer.ts';
import { readRouting } from '../gateway-door/request-routing.ts';
import { routeHeaders } from '../gateway-door/route-headers.ts';
import { wireBodyOf } from '../gateway-door/wire-body.ts';
import type { RouteDeps } from '../http-deps.ts';
import { parseRequest } from './chat-request.ts';
import { modelCallOf, modelNameOf, startModelWait } from './model-call.ts';

/** Body of `POST /v1/embeddings`. Other fields are left to the upstream. */
export const embeddingsRequest = z
  .looseObject({
    model: z.string().min(1).max(300).describe('A name of the model list, or `provider/model`.'),
    input: z
      .union([
        z.string(),
        z.array(z.string()).min(1).max(2048),
        z.array(z.int()).min(1),
        z.array(z.array(z.int())).min(1).max(2048),
      ])
      .describe('One text or several; tokens where the upstream takes them.'),
    encoding_format: z.enum(['float', 'base64']).nullish(),
    dimensions: z.int().positive().nullish(),
  })
  .meta({ id: 'EmbeddingRequest' });

function textsOf({ input }: z.output<typeof embeddingsRequest>): readonly string[] {
  const list = typeof input === 'string' ? [input] : input;
  if (list.every((one) => typeof one === 'string')) return list;
  const message = 'tokens can only be used with an upstream that takes them; send texts';
  throw new AppError('invalid_request', `input: ${message}`, {
    details: { issues: [{ path: 'input', message }] },
  });
}

/** Numbers as base64 of little-endian 32-bit floats, as OpenAI's clients decode them. */
function asBase64(vector: readonly number[]): string {
  const bytes = Buffer.alloc(vector.length * 4);
  for (const [index, number] of vector.entries()) bytes.writeFloatLE(number, index * 4);
  return bytes.toString('base64');
}

function bodyOf(response: EmbeddingResponse, model: string, base64: boolean): JsonObject {
  const { vectors, usage } = response;
  return {
    object: 'list',
    data: vectors.map((vector, index) => ({
      object: 'embedding',
      index,
      embedding: base64 ? asBase64(vector) : vector,
    })),
    model,
    usage: { prompt_tokens: usage.inputTokens, total_tokens: usage.inputTokens },
  };
}

const headBytes = 4096;

/** Several servers give floats whatever was asked for; OpenAI's client would read nonsense from them. */
function inAskedFormat(body: Buffer, base64: boolean): Buffer {
  if (!base64 || !/"embedding"\s*:\s*\[/.test(body.toString('latin1', 0, headBytes))) return body;
  const answer = tryParseJson(body.toString('utf8'));
  if (!isJsonObject(answer) || !Array.isArray(answer['data'])) return body;
  const data = (answer['data'] as readonly Json[]).map((entry) =>
    isJsonObject(entry) && Array.isArray(entry['embedding'])
      ? { ...entry, embedding: asBase64(entry['embedding'] as readonly number[]) }
      : entry,
  );
  return Buffer.from(JSON.stringify({ ...answer, data }));
}

/** `POST /v1/embeddings`: vectors as floats, or as base64 where the client wants that. */
export async function answerEmbeddings(
  deps: RouteDeps,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  requireScope(request.scope, 'models:invoke');
  const routed = readRouting(request, wireBodyOf(request));
  const { json } = routed;
  const name = modelNameOf(json);
  const base64 = json['encoding_format'] === 'base64';
  const wait = startModelWait(deps, reply);
  try {
    const answer = await deps.gateway.embed({
      ...modelCallOf({ deps, request, reply, routed, wait }, name, 'openai-embeddings'),
      request: () => {
        const asked = parseRequest(embeddingsRequest, json);
        const { dimensions } = asked;
        return { texts: textsOf(asked), ...(typeof dimensions === 'number' ? { dimensions } : {}) };
      },
    });
    const writer = new AnswerWriter(reply, deps.clock);
    const headers = routeHeaders(answer.route);
    const type = 'application/json; charset=utf-8';
    if (answer.kind === 'vectors') {
      const body = JSON.stringify(bodyOf(answer.response, name, base64));
      writer.whole(200, type, Buffer.from(body), headers);
      return reply;
    }
    const chunks: Uint8Array[] = [];
    for await (const chunk of answer.body) chunks.push(chunk);
    const [only] = chunks;
    const bytes =
      chunks.length === 1 && only !== undefined
        ? Buffer.from(only.buffer, only.byteOffset, only.length)
        : Buffer.concat(chunks);
    writer.whole(answer.status, type, inAskedFormat(bytes, base64), headers);
    return reply;
  } finally {
    wait.clear();
  }
}
