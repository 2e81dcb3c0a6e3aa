import { AppError } from '../../../base/index.ts';
import type { ChannelDefinitionOf } from '../../../protocol/index.ts';

/** Error: `invalid_definition` for a channel that cannot work. */
export function checkSlackDefinition({ metadata, spec }: ChannelDefinitionOf<'slack'>): void {
  const refuse = (problem: string): never => {
    throw new AppError('invalid_definition', `channel "${metadata.name}": ${problem}`);
  };
  if (spec.botToken.startsWith('xapp-'))
    refuse('spec.botToken is an app-level token; expected the bot token, xoxb-…');
  if (spec.mode === 'events' && spec.signingSecret === undefined) {
    refuse('mode "events" needs spec.signingSecret');
  }
  if (spec.mode === 'socket') {
    if (spec.appToken === undefined) refuse('mode "socket" needs spec.appToken');
    else if (!spec.appToken.startsWith('xapp-'))
      refuse('spec.appToken is no app-level token; expected xapp-…');
  }
}

/** A name that stays while the token changes hands: it stands in session keys and in answers that wait. */
export function accountOf({ metadata, spec }: ChannelDefinitionOf<'slack'>): string {
  const numbers = /^xoxb-(\d+)-(\d+)-/.exec(spec.botToken);
  return spec.account ?? (numbers === null ? metadata.name : `${numbers[1]}-${numbers[2]}`);
}
