import { z } from 'zod';
import { definitionKinds, type DefinitionKind } from '../../protocol/index.ts';
import { didYouMean } from './nearest-name.ts';

/** A fault of a definition against its schema. `key` is set where the key itself is the fault, not its value. */
export interface SchemaFault {
  readonly path: readonly PropertyKey[];
  readonly key?: string;
  readonly message: string;
}

interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
}

/** Hints for this many unknown fields; whoever sends thousands of them does not hold up the process. */
const mostHints = 50;

const schemas = new Map<DefinitionKind, SchemaNode>();

function schemaOf(kind: DefinitionKind): SchemaNode {
  const known = schemas.get(kind);
  if (known !== undefined) return known;
  const made = z.toJSONSchema(definitionKinds[kind].schema, {
    io: 'input',
    unrepresentable: 'any',
  }) as SchemaNode;
  schemas.set(kind, made);
  return made;
}

const options = (node: SchemaNode): readonly SchemaNode[] => [node, ...(node.anyOf ?? []).flatMap(options)];

/** Names of the fields that a definition may have at a path. */
function fieldsAt(kind: DefinitionKind, path: readonly PropertyKey[]): readonly string[] {
  let nodes = options(schemaOf(kind));
  for (const key of path) {
    nodes = nodes
      .flatMap((node) => (typeof key === 'number' ? node.items : node.properties?.[String(key)]) ?? [])
      .flatMap(options);
  }
  return nodes.flatMap((node) => Object.keys(node.properties ?? {}));
}

/** The faults behind an issue: one for each unknown field, and those of the form of a union that was meant. */
export function faultsOf(
  kind: DefinitionKind,
  issue: z.core.$ZodIssue,
  base: readonly PropertyKey[] = [],
): readonly SchemaFault[] {
  const path = [...base, ...issue.path];
  if (issue.code === 'unrecognized_keys') {
    const fields = fieldsAt(kind, path);
    return issue.keys.map((key, index) => ({
      path: [...path, key],
      key,
      message: `unknown field "${key}"${index < mostHints ? didYouMean(key, fields) : ''}`,
    }));
  }
  if (issue.code === 'invalid_union') {
    const meant = issue.errors.find(
      (inner) => !inner.some((one) => one.code === 'invalid_type' && one.path.length === 0),
    );
    if (meant !== undefined) return meant.flatMap((inner) => faultsOf(kind, inner, path));
    const types = issue.errors.flatMap((inner) =>
      inner.flatMap((one) => ('expected' in one ? one.expected : [])),
    );
    const first = issue.errors[0]?.[0];
    if (first !== undefined)
      return [{ path, message: first.message.replace(String(types[0]), types.join(' or ')) }];
  }
  return [{ path, message: issue.message }];
}
