import { systemClock } from '../base/index.ts';
import type {
  Deployment,
  LLMProvider,
  ModelDefinition,
  ModelListDeps,
  ModelSources,
} from '../capabilities/models/index.ts';
import { parseDefinitions } from '../engine/definitions/index.ts';
import { FakeModel } from './fake-model.ts';

/** A provider that remembers what it was built from. */
export class BuiltFake extends FakeModel {
  readonly kind: string;
  readonly settings: Readonly<Record<string, unknown>>;

  constructor(kind: string, settings: Readonly<Record<string, unknown>>) {
    super({ name: kind });
    this.kind = kind;
    this.settings = settings;
  }
}

/** What the provider of a deployment was built from. Throws what building it throws. */
export function builtFrom(deployment: Deployment | undefined): BuiltFake {
  const provider = deployment?.provider();
  if (provider instanceof BuiltFake) return provider;
  throw new Error('there is no such deployment, or its provider is no fake');
}

/** What a model list is made with, its providers being fakes. */
export function modelListDeps(given: Partial<ModelListDeps> = {}): ModelListDeps {
  return {
    clock: systemClock,
    environment: {},
    buildProvider: (kind, settings): LLMProvider => new BuiltFake(kind, settings),
    ...given,
  };
}

/** Sources of a model list from YAML: a project's `spec.models`, then specs of `models/<name>.yaml`. Throws for faults. */
export function modelSources(models: string, routers: Readonly<Record<string, string>> = {}): ModelSources {
  const indented = (text: string, by: number): string => text.replaceAll(/^(?=.)/gm, ' '.repeat(by));
  const read = (file: string, text: string) => {
    const { definitions, locators, problems } = parseDefinitions(file, text);
    const [definition] = definitions;
    if (problems.length > 0 || definition === undefined)
      throw new Error(JSON.stringify(problems, undefined, 2));
    return { definition, locate: locators[0] };
  };
  const head = 'apiVersion: agent33/v1\nmetadata: { name: test }\n';
  const project = read('agent33.yaml', `${head}kind: Project\nspec:\n  models:\n${indented(models, 4)}`);
  if (project.definition.kind !== 'Project') throw new Error('expected a project');
  const { spec } = project.definition;
  return {
    litellm: spec.models.litellm,
    prices: spec.models.prices,
    definitions: [
      { file: 'agent33.yaml', spec: spec.models, path: ['spec', 'models'], locate: project.locate },
      ...Object.entries(routers).map(([name, text]): ModelDefinition => {
        const file = `models/${name}.yaml`;
        const router = read(file, `${head}kind: ModelRouter\nspec:\n${indented(text, 2)}`);
        if (router.definition.kind !== 'ModelRouter') throw new Error('expected a ModelRouter');
        return { file, spec: router.definition.spec, path: ['spec'], locate: router.locate };
      }),
    ],
  };
}
