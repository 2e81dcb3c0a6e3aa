const fence = /^ {0,3}(`{3,}|~{3,})/;

/** The line that opened the code block in which a text ends. */
export function openFence(markdown: string): string | undefined {
  let open: string | undefined;
  for (const line of markdown.split('\n')) {
    const mark = fence.exec(line)?.[1];
    if (mark === undefined) continue;
    if (open === undefined) open = line.trim();
    else if (
      mark[0] === open[0] &&
      line.trim() === mark &&
      mark.length >= (fence.exec(open)?.[1] ?? '').length
    )
      open = undefined;
  }
  return open;
}

/**
 * A text that breaks off anywhere, with what it has left open closed or taken away: a code block, emphasis, code, a
 * link, a row of a table.
 */
export function closeMarkdown(markdown: string): string {
  const mark = fence.exec(openFence(markdown) ?? '')?.[1];
  if (mark !== undefined) return `${markdown}\n${mark}`;
  const start = markdown.lastIndexOf('\n') + 1;
  return markdown.slice(0, start) + closeLine(markdown.slice(start));
}

function closeLine(line: string): string {
  let closed = line
    // Marks at the very end may be half of one, and open nothing yet.
    .replace(/(^|\s)[*_~`]+$/, '$1')
    .replace(/!?\[([^\][]*)(?:\]\([^()\s]*)?$/, '$1')
    // The address of a link may follow; a mark of a source is shorter.
    .replace(/!?\[([^\][]{3,})\]$/, '$1');
  if (count(closed, /`/g) % 2 === 1) closed += '`';
  else
    for (const mark of ['**', '~~'])
      if (count(closed, new RegExp(mark.replaceAll('*', '\\*'), 'g')) % 2 === 1)
        closed = closed.endsWith(mark[0] ?? '') ? closed + (mark[0] ?? '') : closed + mark;
  return /^\s{0,3}\|/.test(closed) && !/\|\s*$/.test(closed.slice(1)) ? `${closed} |` : closed;
}

function count(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0;
}
