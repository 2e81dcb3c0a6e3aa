import { AppError } from '../../base/index.ts';
import type { ChannelDefinition, ChannelDefinitionOf, ChannelSpec } from '../../protocol/index.ts';

/** The definition as one of the given platform. Error: `invalid_definition` when it is of another one. */
export function definitionOf<Platform extends ChannelSpec['platform']>(
  definition: ChannelDefinition,
  platform: Platform,
): ChannelDefinitionOf<Platform> {
  if (definition.spec.platform !== platform) {
    throw new AppError('invalid_definition', `channel "${definition.metadata.name}" is not of ${platform}`);
  }
  return definition as unknown as ChannelDefinitionOf<Platform>;
}
