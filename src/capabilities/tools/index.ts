export { createBuiltinTools } from './builtin/index.ts';
export { createToolGovernance, type ToolGovernanceDeps } from './create-tool-governance.ts';
export { createToolRegistry } from './create-tool-registry.ts';
export { defineTool } from './define-tool.ts';
export { toolFilesOf } from './tool-files.ts';
export * from './tool.ts';
export { schemaFaults } from './validate-parameters.ts';
