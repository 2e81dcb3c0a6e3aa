/** Why no reconnecting helps, in words for the operator, by the code that Discord closes with. */
const fatal: Readonly<Record<number, string>> = {
  4004: 'Discord refused the bot token. Check spec.token: the developer portal makes a new one under Bot',
  4010: 'Discord refused the shard',
  4011: 'the bot is in more servers than one connection may serve',
  4012: 'Discord no longer knows this version of the gateway',
  4013: 'Discord does not know one of the intents',
  4014: 'an intent is not switched on. Switch on "Message Content Intent" in the developer portal under Bot, or take messageContent out of spec.intents',
};
/** Codes after which a session is over. 1000 and 1001 end it too, where the other side says them. */
const sessionOver = new Set([1000, 1001, 4003, 4007, 4009]);

/** What a closed connection means: begin anew, go on with the session, or give up and say why. */
export function readCloseCode(
  code: number,
): { readonly next: 'resume' | 'identify' } | { readonly next: 'fatal'; readonly reason: string } {
  const reason = fatal[code];
  if (reason !== undefined) return { next: 'fatal', reason: `${reason} (code ${code})` };
  return { next: sessionOver.has(code) ? 'identify' : 'resume' };
}
