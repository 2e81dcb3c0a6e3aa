const longestSection = 3000;
const fence = '```';

/** mrkdwn as texts of blocks: cut behind a line, else at a space; a code block that is cut is closed and opened again. */
export function sectionsOf(body: string): readonly string[] {
  const sections: string[] = [];
  let rest = body;
  while (rest.length > longestSection) {
    const room = rest.slice(0, longestSection - fence.length - 1);
    const cut = cutIn(room);
    const part = rest.slice(0, cut);
    const inBlock = part.split(fence).length % 2 === 0;
    sections.push(inBlock ? `${part.trimEnd()}\n${fence}` : part.trimEnd());
    rest = inBlock ? `${fence}\n${rest.slice(cut)}` : rest.slice(cut).trimStart();
  }
  return rest === '' ? sections : [...sections, rest];
}

/** Never within an entity or a link: those hold no line break and, but for a link's label, no space. */
function cutIn(room: string): number {
  const line = room.lastIndexOf('\n');
  if (line > longestSection / 2) return line + 1;
  const linkAt = room.lastIndexOf('<');
  const whole = linkAt > room.lastIndexOf('>') ? room.slice(0, linkAt) : room;
  const space = whole.lastIndexOf(' ');
  if (space > longestSection / 2) return space + 1;
  const hard = /(?:&[a-z]{0,4}|[\uD800-\uDBFF])$/.exec(whole)?.index ?? whole.length;
  return hard > fence.length + 1 ? hard : room.length;
}
