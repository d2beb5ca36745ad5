/**
 * Numbers of six digits and more that no rule of redaction knows: a code without the word "code" beside it, a serial, a door.
 * The reply guard sends none that the chat does not hold already (reply/guard.ts), so a network gains nothing by knowing one by
 * heart; and a digit that carries no loss is not learned by heart (docs/memorisation.md). Pure.
 */
import type { Tokenizer } from './bpe.ts';

const longNumber = /\p{Nd}{6,}/gu;

export function hasLongNumber(text: string): boolean {
  return text.search(longNumber) !== -1;
}

/**
 * Which ids of a text hold digits of a long number.
 * @param ids (n) what `tokenizer.encode(text)` gave
 * @returns (n)
 */
export function inLongNumbers(text: string, ids: readonly number[], tokenizer: Tokenizer): boolean[] {
  const runs = [...text.matchAll(longNumber)].map(({ index, 0: digits }) => {
    const start = Buffer.byteLength(text.slice(0, index));
    return { start, end: start + Buffer.byteLength(digits) };
  });
  let end = 0;
  return ids.map((id) => {
    const start = end;
    end += tokenizer.byteLength(id);
    return runs.some((run) => start < run.end && end > run.start);
  });
}
