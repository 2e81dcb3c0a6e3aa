import { wordsOf } from './words.ts';

/** Cities and countries that people name but whose time zone bears another name. */
const placeZones: Readonly<Record<string, string>> = {
  beijing: 'Asia/Shanghai',
  china: 'Asia/Shanghai',
  japan: 'Asia/Tokyo',
  india: 'Asia/Kolkata',
  mumbai: 'Asia/Kolkata',
  delhi: 'Asia/Kolkata',
  bangalore: 'Asia/Kolkata',
  'san francisco': 'America/Los_Angeles',
  seattle: 'America/Los_Angeles',
  california: 'America/Los_Angeles',
  boston: 'America/New_York',
  washington: 'America/New_York',
  miami: 'America/New_York',
  dallas: 'America/Chicago',
  houston: 'America/Chicago',
  montreal: 'America/Toronto',
  'rio de janeiro': 'America/Sao_Paulo',
  brazil: 'America/Sao_Paulo',
  munich: 'Europe/Berlin',
  hamburg: 'Europe/Berlin',
  frankfurt: 'Europe/Berlin',
  germany: 'Europe/Berlin',
  france: 'Europe/Paris',
  spain: 'Europe/Madrid',
  barcelona: 'Europe/Madrid',
  italy: 'Europe/Rome',
  milan: 'Europe/Rome',
  geneva: 'Europe/Zurich',
  switzerland: 'Europe/Zurich',
  england: 'Europe/London',
  uk: 'Europe/London',
  edinburgh: 'Europe/London',
  'new zealand': 'Pacific/Auckland',
  'tel aviv': 'Asia/Jerusalem',
  'abu dhabi': 'Asia/Dubai',
  utc: 'UTC',
  gmt: 'UTC',
};

let zonesByPlace: ReadonlyMap<string, string> | undefined;

function zones(): ReadonlyMap<string, string> {
  zonesByPlace ??= new Map([
    ...Intl.supportedValuesOf('timeZone').flatMap((zone): [string, string][] => [
      [zone.toLowerCase(), zone],
      [(zone.split('/').at(-1) ?? zone).replaceAll('_', ' ').toLowerCase(), zone],
    ]),
    ...Object.entries(placeZones),
  ]);
  return zonesByPlace;
}

/** The IANA time zone that a text names, by itself or by a city. */
export function timeZoneIn(text: string): string | undefined {
  const exact = /\b[A-Z][A-Za-z_]+\/[A-Z][A-Za-z_/-]+\b/.exec(text)?.[0];
  if (exact !== undefined && zones().has(exact.toLowerCase())) return zones().get(exact.toLowerCase());
  const words = wordsOf(text);
  for (let length = 3; length >= 1; length -= 1) {
    for (let start = 0; start + length <= words.length; start += 1) {
      const zone = zones().get(words.slice(start, start + length).join(' '));
      if (zone !== undefined) return zone;
    }
  }
  return undefined;
}

/** Is the time or the date asked for? */
export function asksForTime(text: string): boolean {
  return /\b(?:what(?:'s| is)? (?:the )?(?:current |local |exact )?(?:time|date|day)|time (?:is it|now|in|right now)|current (?:local )?(?:time|date)|today'?s date|(?:what|which) (?:time|date|day)|date today|what day)\b/i.test(
    text,
  );
}

/** The first web address. */
export function urlIn(text: string): string | undefined {
  return /\bhttps?:\/\/[^\s<>"'`]+/i.exec(text)?.[0].replace(/[).,;:!?\]]+$/, '');
}

const operatorWords: readonly (readonly [RegExp, string])[] = [
  [/(?<=\d),(?=\d{3}\b)/g, ''],
  [/(\d+(?:\.\d+)?)\s*(?:%|per ?cent)\s+of\s+(\d+(?:\.\d+)?)/gi, '$1 * $2 / 100'],
  [/\bsquare root of\s+\(?(\d+(?:\.\d+)?)\)?/gi, 'sqrt($1)'],
  [/\s+(?:plus)\s+(?=[\d(])/gi, ' + '],
  [/\s+(?:minus)\s+(?=[\d(])/gi, ' - '],
  [/\s*(?:\btimes\b|\bmultiplied by\b|×|(?<=\d)\s*x(?=\s*\d))\s*(?=[\d(])/gi, ' * '],
  [/\s*(?:\bdivided by\b|÷)\s*(?=[\d(])/gi, ' / '],
  [/\s*(?:\bto the power of\b|\*\*)\s*(?=[\d(])/gi, ' ^ '],
  [/(\d)\s+squared\b/gi, '$1 ^ 2'],
  [/(\d)\s+cubed\b/gi, '$1 ^ 3'],
];
const expressionPattern =
  /(?:[-+(]\s*)*(?:(?:sqrt|abs|sin|cos|tan|log|ln|exp|floor|ceil|round|min|max)\s*\(|\d+(?:\.\d+)?|\.\d+|pi\b)(?:[\s\d.()+\-*/^%,]|(?:sqrt|abs|sin|cos|tan|log|ln|exp|floor|ceil|round|min|max)\s*\(|pi\b)*/gi;
const calculationCue =
  /\b(?:what(?:'s| is| are)|calculate|compute|evaluate|how much is|work out|solve|result of|equals?)\b|=\s*\??$/i;

/** The calculation that a text asks for, in plain operators; `undefined` when it holds none. */
export function expressionIn(text: string): string | undefined {
  if (urlIn(text) !== undefined) return undefined;
  let plain = text;
  for (const [pattern, replacement] of operatorWords) plain = plain.replaceAll(pattern, replacement);
  const rewritten = plain !== text.replaceAll(/(?<=\d),(?=\d{3}\b)/g, '');
  for (const match of plain.match(expressionPattern) ?? []) {
    const expression = match
      .trim()
      .replace(/[.,\s]+$/, '')
      .replaceAll(/\s+/g, ' ');
    if (/^\d{4}-\d{1,2}(?:-\d{1,2})?$/.test(expression)) continue;
    const operators =
      /\d\s*[)%]*\s*[-+*/^]\s*[-+(]*\s*(?:\d|\.\d|[a-z])/i.test(expression) ||
      /[a-z]+\s*\(/i.test(expression);
    if (!operators) continue;
    if ((expression.match(/\(/g) ?? []).length !== (expression.match(/\)/g) ?? []).length) continue;
    // "24/7" and "10-20" are calculations only when one is asked for.
    const alone = plain.replaceAll(/[\s?=!.]/g, '') === expression.replaceAll(/\s/g, '');
    if (alone || rewritten || calculationCue.test(text) || /\s[-+*/^]\s|[*^+(]/.test(expression))
      return expression;
  }
  return undefined;
}

/** What stands in quotation marks. */
export function quotedIn(text: string): string | undefined {
  const match = /"([^"]+)"|“([^”]+)”|`([^`]+)`|(?<=\s|^)'([^']+)'(?=[\s.,!?]|$)/.exec(text);
  return match?.slice(1).find((group) => group !== undefined);
}

/** The first path of a file or folder. */
export function pathIn(text: string): string | undefined {
  const plain = text.replaceAll(/\bhttps?:\/\/\S+/gi, ' ');
  const token =
    /(?:^|[\s"'`“(])((?:~?\.{0,2}\/)?[\p{L}\p{N}_-][\p{L}\p{N}_.-]*(?:\/[\p{L}\p{N}_.-]+)+\/?|\.{1,2}\/[\p{L}\p{N}_./-]*|[\p{L}\p{N}_-][\p{L}\p{N}_.-]*\.[a-z][a-z0-9]{0,7})(?=[\s"'`”),;:!?.]|$)/iu.exec(
      plain,
    )?.[1];
  if (token !== undefined) return token.replace(/\.$/, '');
  const place =
    /\b(?:in|under|inside|of|from|within|folder|directory)\s+(?:the\s+)?(?:folder|directory)?\s*["'`“]?([\p{L}\p{N}_.-]+)["'`”]?/iu.exec(
      plain,
    )?.[1];
  const vague = new Set(['the', 'a', 'this', 'that', 'my', 'here', 'all', 'it', 'workspace', 'project']);
  if (place === undefined) return undefined;
  if (place === 'workspace') return place;
  return vague.has(place.toLowerCase()) ? undefined : place.replace(/[.]+$/, '') || undefined;
}

/** Does the text ask for work with files? */
export function asksForFiles(text: string): boolean {
  if (/\b(?:files?|folders?|director(?:y|ies))\b/i.test(text) || /^\s*(?:ls|dir|cat)\b/i.test(text))
    return /\b(?:list|show|read|open|write|create|delete|remove|append|save|print|display|which|what|ls|dir|cat)\b/i.test(
      text,
    );
  return /\b(?:list|read|open|write|create|delete|remove|append|save|print|display|show|cat)\b[^.?!]*(?:\S\/\S|\S\.[a-z][a-z0-9]{0,5}\b)/i.test(
    text,
  );
}

/** Is this small talk, to which no tool has an answer? */
export function isGreeting(text: string): boolean {
  return /^\s*(?:hi|hello|hey|good (?:morning|afternoon|evening)|thanks?(?: you)?|ok(?:ay)?|bye|help|who are you|what can you do|\/?(?:start|help))\b[^\n]{0,20}$/i.test(
    text,
  );
}
