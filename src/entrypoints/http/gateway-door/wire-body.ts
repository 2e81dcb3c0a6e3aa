import type { FastifyRequest } from 'fastify';
import { AppError, isJsonObject, type JsonObject } from '../../../base/index.ts';
import type { HttpApp } from '../http-deps.ts';
import { parseJsonBody } from '../json-body.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The body as it came, on the doors for model clients. */
    wireBytes: Buffer | undefined;
  }
}

/** Long conversations with tools have many keys, and schemas of tools nest deeply. */
const limits = { deepest: 128, mostKeys: 500_000 };

/**
 * Bodies are parsed once and kept as they came too: what goes on to an upstream of the same shape is the bytes. With
 * `anyType` they are taken for JSON whatever they call themselves.
 */
export function keepWireBodies(app: HttpApp, options: { readonly anyType?: boolean } = {}): void {
  app.decorateRequest('wireBytes');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    options.anyType === true ? '*' : 'application/json',
    { parseAs: 'buffer' },
    (request, body, done) => {
      const bytes = body as Buffer;
      try {
        const json = parseJsonBody(bytes, limits);
        request.wireBytes = bytes;
        done(null, json);
      } catch (error) {
        done(error as Error);
      }
    },
  );
}

/** The body as bytes and parsed. Error: `invalid_request` when it is no object. */
export function wireBodyOf(request: FastifyRequest): { readonly bytes: Buffer; readonly json: JsonObject } {
  const { body, wireBytes } = request;
  if (isJsonObject(body) && wireBytes !== undefined) return { bytes: wireBytes, json: body };
  throw new AppError('invalid_request', 'expected a JSON object as the body');
}
