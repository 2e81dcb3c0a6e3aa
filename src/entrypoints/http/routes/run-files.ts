import { z } from 'zod';
import { AppError } from '../../../base/index.ts';
import type { HttpApp, RouteDeps } from '../http-deps.ts';
import { runFileToWire, wireRunFile } from '../wire.ts';

const tags = ['runs'];
const id = z.string().min(1).max(100);
/** Types that a browser may show by itself; everything else is only saved. */
const shown = /^(?:image\/(?:png|jpeg|gif|webp)|text\/plain|text\/csv)$/;

const listedFile = wireRunFile
  .extend({
    direction: z.enum(['in', 'out']).describe('in: came with the request; out: goes along with the answer.'),
  })
  .meta({ id: 'ListedRunFile' });

/** `GET /api/v1/runs/{id}/files` and `…/files/{file}`: files that came with a request or go along with its answer. */
export function addRunFileRoutes(app: HttpApp, { runStore, files }: RouteDeps): void {
  app.get(
    '/api/v1/runs/:id/files',
    {
      config: { scopes: ['runs:read'] },
      schema: {
        tags,
        summary: 'Files of a run',
        params: z.strictObject({ id }),
        response: { 200: z.object({ items: z.array(listedFile) }) },
      },
    },
    async ({ scope, params }) => {
      const run = await runStore.get(scope, params.id);
      const found = await files.list(scope, run.id);
      return {
        items: found.map((file) => ({ ...runFileToWire(run.id, file), direction: file.direction })),
      };
    },
  );

  app.get(
    '/api/v1/runs/:id/files/:file',
    {
      config: { scopes: ['runs:read'] },
      schema: {
        tags,
        summary: 'Content of a file of a run',
        description: 'By id, or by name: of several the newest.',
        params: z.strictObject({ id, file: z.string().min(1).max(200) }),
      },
    },
    async ({ scope, params }, reply) => {
      const run = await runStore.get(scope, params.id);
      const file = await files.find(scope, run.id, params.file);
      if (file === undefined) throw new AppError('not_found', `run "${run.id}" has no file "${params.file}"`);
      const bytes = await files.read(scope.tenant, file.id);
      // Whoever sent it chose the content: no browser is to run it on our address.
      const type = shown.test(file.mimeType) ? file.mimeType : 'application/octet-stream';
      return reply
        .type(type.startsWith('text/') ? `${type}; charset=utf-8` : type)
        .header('content-disposition', `attachment; filename*=UTF-8''${encodeURIComponent(file.name)}`)
        .header('x-content-type-options', 'nosniff')
        .header('content-security-policy', "default-src 'none'; sandbox")
        .send(Buffer.from(bytes));
    },
  );
}
