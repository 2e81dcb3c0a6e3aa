/** One passage of a text file with the lines it stands on. */
export interface Passage {
  readonly file: string;
  /** Headings above it, outermost first, joined with ` › `. */
  readonly heading: string;
  /** First and last line, counted from 1. */
  readonly firstLine: number;
  readonly lastLine: number;
  /** Exactly these lines of the file. */
  readonly text: string;
}

const longestPassage = 1600;

/** Splits Markdown (or plain text) at headings, and long sections at blank lines. Code fences hide headings. */
export function splitMarkdown(file: string, source: string): readonly Passage[] {
  const lines = source.split('\n').map((line) => line.replace(/\r$/, ''));
  const passages: Passage[] = [];
  const headings: string[] = [];
  let start = 0;
  let fenced = false;

  const flush = (end: number): void => {
    let first = start;
    let last = end - 1;
    while (first <= last && lines[first]?.trim() === '') first += 1;
    while (last >= first && lines[last]?.trim() === '') last -= 1;
    start = end;
    const body = lines.slice(first, last + 1);
    // A heading with nothing under it says nothing.
    if (body.length === 0 || (body.length === 1 && /^#{1,6}\s/.test(body[0] ?? ''))) return;
    passages.push({
      file,
      heading: headings.filter((heading) => heading !== undefined).join(' › '),
      firstLine: first + 1,
      lastLine: last + 1,
      text: body.join('\n'),
    });
  };

  for (const [index, line] of lines.entries()) {
    if (/^\s*(?:```|~~~)/.test(line)) fenced = !fenced;
    const heading = fenced ? null : /^(#{1,6})\s+(.*?)\s*#*$/.exec(line);
    if (heading !== null) {
      flush(index);
      const level = heading[1]?.length ?? 1;
      headings.length = Math.min(headings.length, level - 1);
      headings.push(heading[2] ?? '');
      continue;
    }
    const size = lines.slice(start, index).join('\n').length;
    if (line.trim() === '' && !fenced && size >= longestPassage / 2) flush(index);
    else if (size >= longestPassage) flush(index);
  }
  flush(lines.length);
  return passages;
}
