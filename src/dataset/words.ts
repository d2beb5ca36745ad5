/**
 * Words of a text, as duplicates and statistics count them: letters, marks and digits, in one form for texts that read the
 * same (NFKC, lower case, no apostrophes). Scripts that are written without spaces give a word for each character.
 * Not covered: where such scripts really part their words; emoji and punctuation are no words.
 */

const unspaced = String.raw`\p{sc=Han}\p{sc=Hira}\p{sc=Kana}\p{sc=Thai}\p{sc=Laoo}\p{sc=Khmr}\p{sc=Mymr}`;
const unspacedChar = new RegExp(`^[${unspaced}]`, 'u');
const word = new RegExp(
  String.raw`[${unspaced}]|(?![${unspaced}])[\p{L}\p{N}](?:(?![${unspaced}])[\p{L}\p{M}\p{N}])*`,
  'gu',
);

/** In the order of the text. */
export function wordsOf(text: string): string[] {
  return text.normalize('NFKC').toLowerCase().replaceAll(/['’]/g, '').match(word) ?? [];
}

/** How many words these are to a reader: two characters of an unspaced script count as one. */
export function countOf(words: readonly string[]): number {
  let characters = 0;
  for (const each of words) if (unspacedChar.test(each)) characters++;
  return words.length - characters + Math.ceil(characters / 2);
}
