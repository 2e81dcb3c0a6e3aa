const marked = /<([^<>]{1,4000})>/g;
const entities: Readonly<Record<string, string>> = { '&amp;': '&', '&lt;': '<', '&gt;': '>' };

/** A text in Slack's markup as a person reads it, the mention of `botUserId` taken out. Linear time. */
export function readSlackText(text: string, botUserId: string | undefined): string {
  return text
    .replaceAll(marked, (_whole, inner: string) => readMarked(inner, botUserId))
    .replaceAll(/&(?:amp|lt|gt);/g, (entity) => entities[entity] ?? entity)
    .trim();
}

/** Does the text mention this user? */
export function mentionsUser(text: string, userId: string | undefined): boolean {
  if (userId === undefined || userId === '') return false;
  return text.includes(`<@${userId}>`) || text.includes(`<@${userId}|`);
}

/** What stands for `<…>`: people, channels, groups, dates and links, each with a label where one is given. */
function readMarked(inner: string, botUserId: string | undefined): string {
  const bar = inner.indexOf('|');
  const target = bar < 0 ? inner : inner.slice(0, bar);
  const label = bar < 0 ? '' : inner.slice(bar + 1);
  if (target.startsWith('@')) return target.slice(1) === botUserId ? '' : `@${label || target.slice(1)}`;
  if (target.startsWith('#')) return `#${label || target.slice(1)}`;
  if (target.startsWith('!')) return label || `@${target.slice(1).split('^')[0] ?? ''}`;
  const address = target.replace(/^(?:mailto|tel):/, '');
  if (label === '' || label === address || address.replace(/^https?:\/\//, '') === label) return address;
  return `${label} (${address})`;
}
