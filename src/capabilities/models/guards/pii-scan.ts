import type { PiiKind } from '../../../protocol/index.ts';
import { createPatternScan, type TextPattern } from './pattern-scan.ts';
import type { TextScan } from './text-scan.ts';

const digitsOf = (text: string): string => text.replaceAll(/\D/g, '');

/** The first digit and Luhn's check tell the numbers of payment cards from others. */
function isCard(text: string): boolean {
  const digits = digitsOf(text);
  if (!/^[2-6]\d{12,18}$/.test(digits)) return false;
  let sum = 0;
  for (const [index, digit] of digits.split('').toReversed().entries()) {
    const value = Number(digit) * (index % 2 === 1 ? 2 : 1);
    sum += value > 9 ? value - 9 : value;
  }
  return sum % 10 === 0;
}

/** The check digits of an IBAN (ISO 13616): the rearranged number leaves 1 when divided by 97. */
function isIban(text: string): boolean {
  const letters = text.replaceAll(/[ -]/g, '').toUpperCase();
  if (letters.length < 15 || letters.length > 34) return false;
  let rest = 0;
  for (const character of letters.slice(4) + letters.slice(0, 4)) {
    const value = Number.parseInt(character, 36);
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97;
  }
  return rest === 1;
}

function isPhone(text: string): boolean {
  const digits = digitsOf(text).length;
  return digits >= 8 && digits <= 15 && !/^\d{4}[-/.]\d{2}[-/.]\d{2}/.test(text);
}

const octet = String.raw`(?:25[0-5]|2[0-4]\d|1?\d?\d)`;

const patterns: Readonly<Record<PiiKind, readonly TextPattern[]>> = {
  email: [
    {
      kind: 'email',
      match:
        /(?<![\w.+-])[A-Za-z0-9_+-](?:[A-Za-z0-9_+%'-]|\.(?=[\w+-])){0,63}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})\.){1,8}[A-Za-z]{2,24}(?![\w-])/g,
    },
  ],
  phone: [
    // With the country's code, which nothing else looks like.
    {
      kind: 'phone',
      match: /(?<![\w+.]|\d )(?:\+|00)[1-9]\d{0,2}(?:[ .\-/]?\(?\d{1,5}\)?){2,6}(?![\w])/g,
      accepts: isPhone,
    },
    // As North America writes it.
    { kind: 'phone', match: /(?<![\w.+-])(?:1[ .-])?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}(?![\w-])/g },
    // With the code of the place: a nought, and a mark between it and the rest.
    {
      kind: 'phone',
      match: /(?<![\w.+-]|\d )\(?0[1-9]\d{1,4}\)?[ /-]\d{2,4}(?:[ -]?\d{2,4}){1,4}(?![\w])/g,
      accepts: isPhone,
    },
  ],
  iban: [
    {
      kind: 'iban',
      match: /(?<!\w)[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,3})?(?!\w)/g,
      accepts: isIban,
    },
  ],
  card: [{ kind: 'card', match: /(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w-])/g, accepts: isCard }],
  ip: [
    {
      kind: 'ip',
      match: new RegExp(String.raw`(?<![\w.])(?:${octet}\.){3}${octet}(?![\w]|\.\d)`, 'g'),
    },
    {
      kind: 'ip',
      match:
        /(?<![\w:.])(?:(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}|(?:[0-9a-f]{1,4}:){1,6}(?::[0-9a-f]{1,4}){1,6}|(?:[0-9a-f]{1,4}:){2,7}:|::(?:[0-9a-f]{1,4}:){0,6}[0-9a-f]{1,4})(?![\w:])/gi,
      accepts: (found) => /\d/.test(found) && found !== '::1',
    },
  ],
};

const longestWord = 320;
const longestNumber = 64;

/** The word at the end, or the numbers and capital letters with spaces between them. */
function openFrom(text: string, from: number): number {
  const end = text.length;
  let word = end;
  while (word > Math.max(from, end - longestWord) && !/[\s<>()"'`,;]/.test(text[word - 1] ?? '')) word -= 1;
  let number = end;
  while (number > Math.max(from, end - longestNumber) && /[A-Z0-9 ().+/-]/.test(text[number - 1] ?? ''))
    number -= 1;
  // A number begins with a digit, a plus, a bracket, or the letters of a country.
  const begin = /[\d+(]|[A-Z]{1,2}(?:\d|$)/.exec(text.slice(number));
  return Math.min(word, begin === null ? end : number + begin.index);
}

/** Finds what tells who somebody is: addresses, phone and account numbers. */
export function createPiiScan(kinds: readonly PiiKind[], action: 'mask' | 'block'): TextScan {
  return createPatternScan(
    kinds.flatMap((kind) => patterns[kind]),
    { openFrom, ...(action === 'block' ? {} : { replacement: (kind) => `[${kind}]` }) },
  );
}
