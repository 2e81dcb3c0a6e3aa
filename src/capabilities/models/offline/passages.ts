/** A piece of text that can be quoted, with the mark of where it stands. */
export interface Passage {
  /** `docs/runs.md#L12-L18`, an address, or a file name. */
  readonly source: string;
  readonly heading: string;
  readonly text: string;
}

/** `[1] docs/runs.md#L12-L18 — Heading › Sub` */
const blockHead = /^\[\d+\][ \t]+(\S+)(?:[ \t]+[—–-]+[ \t]+(.*))?$/;
const sourceTag = /<source\b([^>]*)>([\s\S]*?)<\/source>/g;

/** Passages of a search result: blocks with a numbered head line each; `undefined` where the text has no such block. */
export function parsePassages(content: string): readonly Passage[] | undefined {
  const passages: { source: string; heading: string; lines: string[] }[] = [];
  for (const line of content.split('\n')) {
    const head = blockHead.exec(line.trimEnd());
    if (head?.[1] !== undefined)
      passages.push({ source: head[1], heading: head[2]?.trim() ?? '', lines: [] });
    else passages.at(-1)?.lines.push(line);
  }
  if (passages.length === 0) return undefined;
  return passages.map(({ source, heading, lines }) => ({ source, heading, text: lines.join('\n').trim() }));
}

/** Passages that a client put into a message as `<source id="1" name="file.md">…</source>`, as Open WebUI does. */
export function parseSourceTags(content: string): readonly Passage[] {
  return [...content.matchAll(sourceTag)].map(([, attributes = '', text = '']) => ({
    source:
      /\bname="([^"]*)"/.exec(attributes)?.[1] ??
      `source ${/\bid="([^"]*)"/.exec(attributes)?.[1] ?? ''}`.trim(),
    heading: '',
    text: text.trim(),
  }));
}
