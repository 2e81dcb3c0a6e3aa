export { checkDefinition, type DefinitionIssue } from './check-definition.ts';
export { createDefinitionStore, type DefinitionStoreDeps } from './create-definition-store.ts';
export { createFileStore } from './create-file-store.ts';
export type * from './definition-store.ts';
export {
  definitionsOf,
  loadProject,
  loadProjectSettings,
  type LoadedProject,
  type LoadOptions,
  type Located,
  type ReferenceCheck,
} from './load-project.ts';
export { parseDefinitions } from './parse-definition.ts';
export type { DefinitionCheck, DefinitionFault, DefinitionProblem } from './parse-definition.ts';
export { createProjectSource, type ProjectSource } from './project-source.ts';
export { writeSchemas } from './write-schemas.ts';
