import { z } from 'zod';
import { isJsonObject, type Json } from '../../../base/index.ts';
import type { DefinitionStore, StoredDefinition } from '../../../engine/definitions/index.ts';
import type { DefinitionKind, DefinitionOf, PermissionScope, Scope } from '../../../protocol/index.ts';
import type { HttpApp } from '../http-deps.ts';
import { mergePatch } from '../merge-patch.ts';

const jsonObject = z.record(z.string(), z.unknown());

/** Something that keeps a definition from doing what it says as things are now. */
export interface DefinitionWarning {
  readonly path: string;
  readonly message: string;
}

/** Kinds whose definitions can be made over the API. */
export type ManagedKind = Exclude<DefinitionKind, 'Project' | 'Channel' | 'ModelRouter'>;

/** What every definition is shown with; a kind adds fields of its own. */
export const wireDefinition = z.object({
  name: z.string(),
  description: z.string(),
  labels: z.record(z.string(), z.string()),
  origin: z.object({ kind: z.string(), path: z.string().optional(), version: z.number().optional() }),
  hash: z.string(),
  updated_at: z.string(),
});

/** The fields of `wireDefinition` of a definition of any kind. */
export function definitionSummary(
  stored: StoredDefinition<DefinitionOf<ManagedKind>>,
): z.output<typeof wireDefinition> {
  const { metadata, spec } = stored.definition;
  return {
    name: metadata.name,
    description: metadata.description ?? spec.description,
    labels: metadata.labels,
    origin: stored.origin,
    hash: stored.hash,
    updated_at: stored.updatedAt,
  };
}

/** How the definitions of one kind appear over HTTP. */
export interface DefinitionRoutes<K extends ManagedKind, Shape extends z.ZodRawShape> {
  readonly kind: K;
  /** Such as `/api/v1/teams`. */
  readonly prefix: string;
  /** As in sentences: `an agent`, `agents`. */
  readonly singular: string;
  readonly plural: string;
  readonly store: DefinitionStore<K>;
  readonly read: PermissionScope;
  readonly write: PermissionScope;
  /** Shape of a summary; its name in the description of the API is `kind`. */
  readonly summary: z.ZodObject<Shape>;
  summaryOf(stored: StoredDefinition<DefinitionOf<K>>): z.output<z.ZodObject<Shape>>;
  /** What a stored definition names that nothing has, and the like: told to whoever wrote it. */
  warnings(scope: Scope, stored: StoredDefinition<DefinitionOf<K>>): Promise<readonly DefinitionWarning[]>;
  /** Leaves the routes out of the description of the API. */
  readonly hide?: boolean;
}

/**
 * A definition without the target that a patch names another way: it is kept as `{kind, name}`, and `{agent: NAME}` is
 * meant in its place.
 */
function withoutReplaced(definition: Json, patch: Json): Json {
  const [spec, change] = [
    isJsonObject(definition) && definition['spec'],
    isJsonObject(patch) && patch['spec'],
  ];
  if (!isJsonObject(definition) || !isJsonObject(spec) || !isJsonObject(change)) return definition;
  const { start } = change;
  if (!isJsonObject(start) || !['agent', 'team', 'workflow'].some((kind) => typeof start[kind] === 'string'))
    return definition;
  const { start: _replaced, ...rest } = spec;
  return { ...definition, spec: rest };
}

/**
 * List, create, show, replace, change and delete definitions of one kind. Errors: those of the store (`not_found`,
 * `invalid_definition`, `conflict`, `invalid_request`).
 */
export function addDefinitionRoutes<K extends ManagedKind, Shape extends z.ZodRawShape>(
  app: HttpApp,
  routes: DefinitionRoutes<K, Shape>,
): void {
  const { prefix, store, singular, plural, kind, hide = false } = routes;
  const noun = kind.toLowerCase();
  const tags = [plural];
  const byId = z.strictObject({ id: z.string().min(1).max(64).describe(`Name of the ${noun}.`) });
  const readable = { scopes: [routes.read] };
  const writable = { scopes: [routes.write] };
  const whole: z.ZodType = routes.summary
    .extend({ definition: z.unknown().describe(`The definition, \`kind: ${kind}\`.`) })
    .meta({ id: `${kind}WithDefinition` });
  const withDefinition = (stored: StoredDefinition<DefinitionOf<K>>) => ({
    ...routes.summaryOf(stored),
    definition: stored.definition,
  });

  const written: z.ZodType = routes.summary
    .extend({
      definition: z.unknown().describe(`The definition, \`kind: ${kind}\`.`),
      warnings: z
        .array(z.object({ path: z.string(), message: z.string() }))
        .describe(
          'What it names that does not exist, and the like. It is stored all the same: that may come later.',
        ),
    })
    .meta({ id: `Written${kind}` });
  const withWarnings = async (scope: Scope, stored: StoredDefinition<DefinitionOf<K>>) => ({
    ...withDefinition(stored),
    warnings: await routes.warnings(scope, stored),
  });

  app.get(
    prefix,
    {
      config: readable,
      schema: {
        tags,
        hide,
        summary: `All ${plural}`,
        response: { 200: z.object({ items: z.array(routes.summary) }) },
      },
    },
    async (request) => ({
      items: (await store.list(request.scope)).map((stored) => routes.summaryOf(stored)),
    }),
  );

  app.post(
    prefix,
    {
      config: writable,
      schema: {
        tags,
        hide,
        summary: `Create ${singular} from a definition`,
        body: jsonObject,
        response: { 201: written },
      },
    },
    async (request, reply) => {
      const created = await store.create(request.scope, request.body);
      const { metadata } = created.definition as DefinitionOf<ManagedKind>;
      reply.code(201).header('location', `${prefix}/${metadata.name}`);
      return withWarnings(request.scope, created);
    },
  );

  app.get(
    `${prefix}/:id`,
    {
      config: readable,
      schema: {
        tags,
        hide,
        summary: `One ${noun} with its definition`,
        params: byId,
        response: { 200: whole },
      },
    },
    async (request) => withDefinition(await store.get(request.scope, request.params.id)),
  );

  app.put(
    `${prefix}/:id`,
    {
      config: writable,
      schema: {
        tags,
        hide,
        summary: `Replace the definition of ${singular}`,
        params: byId,
        body: jsonObject,
        response: { 200: written },
      },
    },
    async (request) =>
      withWarnings(request.scope, await store.update(request.scope, request.params.id, request.body)),
  );

  app.patch(
    `${prefix}/:id`,
    {
      config: writable,
      schema: {
        tags,
        hide,
        summary: 'Change parts of a definition (JSON Merge Patch)',
        params: byId,
        body: jsonObject,
        response: { 200: written },
      },
    },
    async (request) => {
      const { definition } = await store.get(request.scope, request.params.id);
      const changed = mergePatch(
        withoutReplaced(definition as Json, request.body as Json),
        request.body as Json,
      );
      return withWarnings(request.scope, await store.update(request.scope, request.params.id, changed));
    },
  );

  app.delete(
    `${prefix}/:id`,
    {
      config: writable,
      schema: { tags, hide, summary: `Delete ${singular} made over the API`, params: byId },
    },
    async (request, reply) => {
      await store.delete(request.scope, request.params.id);
      return reply.code(204).send();
    },
  );
}
