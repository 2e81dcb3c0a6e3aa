import { isJsonObject, type ErrorCode } from '../../base/index.ts';
import { runFilesOf, type AgentResponse, type Citation } from '../../protocol/index.ts';

const mostSources = 5;

/** Stands for an answer without any text. */
export const emptyAnswer = 'Done. There is nothing to show for it.';

/** Stands before files that come without a word. */
const onlyFiles = 'Here you are:';

const errorTexts: Partial<Record<ErrorCode, string>> = {
  cancelled: 'Stopped.',
  model_unavailable:
    'I cannot think at the moment: the language model does not answer. Please try again in a few minutes.',
  rate_limited: 'There is too much going on at the moment. Please try again in a minute.',
  context_window_exceeded: 'This conversation has become too long for me. Send /new to start another one.',
  step_limit_reached: 'I could not finish this within my limits. Try to ask for something smaller.',
};

/** What people read as the answer, as Markdown. Errors become a sentence without internals, but with a reference. */
export function responseText(response: AgentResponse): string {
  if (response.status === 'timeout') return `Sorry, this took too long and was ended. (${response.runId})`;
  if (response.status === 'error') {
    const known = response.error === null ? undefined : errorTexts[response.error.code];
    return known ?? `Sorry, something went wrong on our side. Please try again. (${response.runId})`;
  }
  const text = response.text.trim();
  if (text === '' && hasFiles(response)) return onlyFiles;
  return text === '' ? emptyAnswer : `${text}${sources(text, response)}`;
}

function hasFiles({ output }: AgentResponse): boolean {
  return runFilesOf(isJsonObject(output) ? output['files'] : undefined).length > 0;
}

/** The passages an answer rests on, unless it names them itself. */
function sources(text: string, response: AgentResponse): string {
  const missing = new Map<string, Citation>();
  for (const citation of citationsOf(response)) {
    if (text.includes(citation.id) || text.includes(citation.file)) continue;
    missing.set(`${citation.file}:${citation.heading}`, citation);
  }
  if (missing.size === 0) return '';
  const lines = [...missing.values()]
    .slice(0, mostSources)
    .map(({ file, heading, line }) => `- \`${file}\`${heading === '' ? '' : `, ${heading}`} (line ${line})`);
  return `\n\nSources:\n${lines.join('\n')}`;
}

function citationsOf(response: AgentResponse): readonly Citation[] {
  const output = response.output;
  const citations = isJsonObject(output) ? output['citations'] : undefined;
  if (!Array.isArray(citations)) return [];
  return (citations as readonly unknown[]).filter(
    (item): item is Citation =>
      isJsonObject(item) &&
      typeof item['id'] === 'string' &&
      typeof item['file'] === 'string' &&
      typeof item['heading'] === 'string' &&
      typeof item['line'] === 'number',
  );
}
