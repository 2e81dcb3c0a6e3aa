import type { ModelDefinition, ModelSources } from '../capabilities/models/index.ts';
import { definitionsOf, type LoadedProject } from '../engine/definitions/index.ts';

/** What the files of a project say about models. */
export function modelSourcesOf(
  loaded: Pick<LoadedProject, 'project' | 'projectFile' | 'definitions'>,
): ModelSources {
  const { project, projectFile } = loaded;
  const { models } = project.spec;
  const own: ModelDefinition = {
    file: projectFile?.path ?? 'agent33.yaml',
    spec: models,
    path: ['spec', 'models'],
    locate: projectFile?.locate,
  };
  const routers = definitionsOf(loaded, 'ModelRouter').map(
    ({ definition, path, locate }): ModelDefinition => ({
      file: path,
      spec: definition.spec,
      path: ['spec'],
      locate,
    }),
  );
  return { definitions: [own, ...routers], litellm: models.litellm, prices: models.prices };
}
