import { wordsOf, termsOf } from './words.ts';

/** The conversation that a background prompt quotes, one text per line of the user. */
function quotedUserLines(prompt: string): string[] {
  const history = /<chat_history>([\s\S]*?)<\/chat_history>/i.exec(prompt)?.[1] ?? '';
  return history
    .split('\n')
    .map((line) => /^\s*(?:USER|user|User)\s*:\s*(.*)$/.exec(line)?.[1]?.trim() ?? '')
    .filter((line) => line !== '');
}

function titleOf(lines: readonly string[]): string {
  const words = (lines[0] ?? '')
    .split(/\s+/)
    .filter((word) => word !== '')
    .slice(0, 6);
  const title = words.join(' ').replace(/[.,;:?!]+$/, '');
  return title === '' ? 'New conversation' : title.charAt(0).toUpperCase() + title.slice(1);
}

function tagsOf(lines: readonly string[]): string[] {
  const words = lines.flatMap(wordsOf);
  const counts = new Map<string, { word: string; count: number }>();
  for (const word of words) {
    const [term] = termsOf(word);
    if (term === undefined || word.length < 4 || /\d/.test(word)) continue;
    counts.set(term, { word: counts.get(term)?.word ?? word, count: (counts.get(term)?.count ?? 0) + 1 });
  }
  const best = [...counts.values()].toSorted((a, b) => b.count - a.count).slice(0, 3);
  return best.length === 0
    ? ['General']
    : best.map(({ word }) => word.charAt(0).toUpperCase() + word.slice(1));
}

/**
 * The JSON that a chat client's background prompt expects (titles, tags, follow-ups, search queries), or `undefined`
 * when the text is no such prompt. Open WebUI sends them to the same model as the conversation.
 */
export function backgroundAnswer(prompt: string): string | undefined {
  // The prompt of Open WebUI for answers from documents begins alike, but brings sources.
  if (!/^\s*#{2,3} Task:/.test(prompt) || /<context>|<source\b/.test(prompt)) return undefined;
  const lines = quotedUserLines(prompt);
  const wants = (key: string): boolean => new RegExp(`["']${key}["']\\s*:`).test(prompt);
  if (wants('title')) return JSON.stringify({ title: titleOf(lines) });
  if (wants('tags')) return JSON.stringify({ tags: tagsOf(lines) });
  if (wants('follow_ups')) return JSON.stringify({ follow_ups: [] });
  if (wants('queries')) return JSON.stringify({ queries: [] });
  if (wants('text')) return JSON.stringify({ text: '' });
  if (/\btitle\b/i.test(prompt)) return titleOf(lines);
  return undefined;
}
