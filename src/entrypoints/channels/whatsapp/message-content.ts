import type { JsonObject } from '../../../base/index.ts';
import type { Chunk, ChunkAction } from '../channel-adapter.ts';

const mostButtons = 3;
const longestButtonBody = 1024;
const longestButton = 20;
const mostRows = 10;
const longestRow = 24;
const longestDescription = 72;
const longestRowId = 200;
/** Of the text of a template; the words around it in its body count too. */
const longestParameter = 900;

/** An approved template whose body has one parameter. */
export interface WhatsAppTemplate {
  readonly name: string;
  readonly language: string;
}

/** A message of words alone. Links are shown as they are, without a preview. */
export function textContent(body: string): JsonObject {
  return { type: 'text', text: { body, preview_url: false } };
}

/** A chunk with what can be pressed below it: up to three buttons, else a list to choose from. */
export function interactiveContent({ body }: Chunk, actions: readonly ChunkAction[]): JsonObject {
  const isShort = actions.length <= mostButtons && body.length <= longestButtonBody;
  const action = isShort ? { buttons: actions.map(buttonOf) } : listOf(actions);
  return {
    type: 'interactive',
    interactive: { type: isShort ? 'button' : 'list', body: { text: body }, action },
  };
}

/** The pieces in which a text fits a template. Its parameters take one line without wide gaps. */
export function templateTexts(plain: string): readonly string[] {
  const pieces: string[] = [];
  let rest = plain.replaceAll(/\s+/g, ' ').trim();
  while (rest.length > longestParameter) {
    const space = rest.lastIndexOf(' ', longestParameter);
    const cut = space > longestParameter / 2 ? space : hardCut(rest);
    pieces.push(rest.slice(0, cut).trim());
    rest = rest.slice(cut).trim();
  }
  return rest === '' ? pieces : [...pieces, rest];
}

export function templateContent({ name, language }: WhatsAppTemplate, text: string): JsonObject {
  const components = [{ type: 'body', parameters: [{ type: 'text', text }] }];
  return { type: 'template', template: { name, language: { code: language }, components } };
}

function buttonOf({ label, command }: ChunkAction): JsonObject {
  return { type: 'reply', reply: { id: command, title: shortened(label, longestButton) } };
}

/** A label that does not fit stands whole below its row. */
function listOf(actions: readonly ChunkAction[]): JsonObject {
  const rows = actions
    .filter(({ command }) => command.length <= longestRowId)
    .slice(0, mostRows)
    .map(({ label, command }) => ({
      id: command,
      title: shortened(label, longestRow),
      ...(label.length > longestRow ? { description: shortened(label, longestDescription) } : {}),
    }));
  return { button: 'Choose', sections: [{ title: 'Choose', rows }] };
}

function shortened(text: string, length: number): string {
  if (text.length <= length) return text;
  return `${text.slice(0, length - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;
}

function hardCut(text: string): number {
  const code = text.charCodeAt(longestParameter);
  return code >= 0xdc00 && code <= 0xdfff ? longestParameter - 1 : longestParameter;
}
