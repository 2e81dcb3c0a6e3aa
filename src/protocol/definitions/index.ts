import { agentDefinition, type AgentDefinition } from './agent.ts';
import { channelDefinition, type ChannelDefinition } from './channel.ts';
import { projectDefinition, type ProjectDefinition } from './project.ts';

export * from './agent.ts';
export * from './channel.ts';
export * from './metadata.ts';
export * from './project.ts';

/** Every kind of definition file with its schema and its folder in a project. */
export const definitionKinds = {
  Agent: { schema: agentDefinition, folder: 'agents', legacyFolder: 'agent-definitions' },
  Channel: { schema: channelDefinition, folder: 'channels', legacyFolder: undefined },
  Project: { schema: projectDefinition, folder: undefined, legacyFolder: undefined },
} as const;

export type DefinitionKind = keyof typeof definitionKinds;
export type Definition = AgentDefinition | ChannelDefinition | ProjectDefinition;
