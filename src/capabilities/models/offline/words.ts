/** Words that say nothing about what a text is about. */
const stopWords = new Set(
  (
    'a about after all also am an and any are as at be been before being but by can could did do does doing done for ' +
    'from get give had has have how i if in into is it its just know let like make may me more most my need no not of ' +
    'on one or other our out please show should so some such tell than that the their them then there these they ' +
    'this to up us use used using want was we were what when where which who whom why will with would you your'
  ).split(' '),
);

/** The stem of an English word, cut so that "runs", "running" and "run" agree; other languages mostly stay as they are. */
function stem(word: string): string {
  if (word.length <= 3 || /\d/.test(word)) return word;
  let root = word;
  if (root.endsWith('ies') && root.length > 4) root = `${root.slice(0, -3)}y`;
  else if (/(?:ss|us|is)$/.test(root)) return root;
  else if (/(?:ches|shes|xes|sses|zes)$/.test(root)) root = root.slice(0, -2);
  else if (root.endsWith('s')) root = root.slice(0, -1);
  if (root.endsWith('ing') && root.length > 5) root = root.slice(0, -3);
  else if (root.endsWith('ed') && root.length > 4) root = root.slice(0, -2);
  else if (root.endsWith('ly') && root.length > 5) root = root.slice(0, -2);
  if (/([bdfgmnprt])\1$/.test(root)) root = root.slice(0, -1);
  return root.length > 4 && root.endsWith('e') ? root.slice(0, -1) : root;
}

/** All words in order, lower case, without accents' variants of writing. */
export function wordsOf(text: string): string[] {
  return (
    text
      .normalize('NFKC')
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? []
  );
}

/** Stems of the words that carry meaning, in order, with repetitions. */
export function termsOf(text: string): string[] {
  return wordsOf(text)
    .filter((word) => !stopWords.has(word) && (word.length > 1 || /[\p{N}\p{Lo}]/u.test(word)))
    .map(stem);
}
