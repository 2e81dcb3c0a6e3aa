import { z } from 'zod';
import { isJsonObject, type Json, type JsonObject } from '../../../base/index.ts';

const mostOptions = 25;
const mostDepth = 3;
/** Types of options that hold further options. */
const subcommand = new Set([1, 2]);

const option = z.object({
  name: z.string(),
  type: z.int().optional().catch(undefined),
  value: z.union([z.string(), z.number(), z.boolean()]).optional().catch(undefined),
  options: z.array(z.unknown()).optional().catch(undefined),
});

/** One option of a slash command with its value; `path` names the subcommands above it. */
export interface CommandOption {
  readonly path: readonly string[];
  readonly name: string;
  readonly type: number | undefined;
  readonly value: string | number | boolean;
}

/** What was given to a slash command: the subcommands chosen, from the outside in, and the options, flattened. */
export interface CommandInput {
  readonly subcommands: readonly string[];
  readonly options: readonly CommandOption[];
}

/** Reads the `options` of a command, nested subcommands too; what is no option is left out. */
export function readCommandInput(options: unknown): CommandInput {
  const found: CommandOption[] = [];
  const subcommands: string[] = [];
  const visit = (list: unknown, path: readonly string[]): void => {
    if (!Array.isArray(list) || path.length >= mostDepth) return;
    for (const one of list.slice(0, mostOptions) as unknown[]) {
      const parsed = option.safeParse(one);
      if (!parsed.success) continue;
      const { name, type, value, options: inner } = parsed.data;
      if (value !== undefined) found.push({ path, name, type, value });
      else if (inner !== undefined || subcommand.has(type ?? 0)) {
        subcommands.push(name);
        visit(inner, [...path, name]);
      }
    }
  };
  visit(options, []);
  return { subcommands, options: found };
}

/** The structure of a command's options, as it stands in the metadata of the message. */
export function optionsAsJson({ subcommands, options }: CommandInput): JsonObject {
  return {
    subcommands: [...subcommands],
    options: options.map(({ path, name, value }) => ({ path: [...path], name, value })),
  };
}

/** What a person put into the fields of a form, nested containers included, as name and value. */
export function readFormFields(components: unknown, depth = 0): readonly (readonly [string, string])[] {
  if (!Array.isArray(components) || depth > mostDepth) return [];
  return (components as Json[]).slice(0, mostOptions).flatMap((component) => {
    if (!isJsonObject(component)) return [];
    const { custom_id: name, value, values, components: inner, component: single } = component;
    const own: (readonly [string, string])[] = [];
    if (typeof name === 'string' && typeof value === 'string') own.push([name, value]);
    if (typeof name === 'string' && Array.isArray(values)) own.push([name, values.join(', ')]);
    return [...own, ...readFormFields(inner, depth + 1), ...readFormFields([single], depth + 1)];
  });
}
