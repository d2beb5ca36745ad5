/** Which words count as made up: neither read twice, nor one id, nor said just before. */
import { expect, test } from 'vitest';
import { lexiconOf } from '../../src/dataset/lexicon.ts';
import { unknownWordsIn } from '../../src/reply/unknown-words.ts';
import { tokenizer } from './examples.ts';

const lexicon = lexiconOf(['Pickle sleeps', 'where is pickle?', 'grold']);
const said = (text: string, isBot = false) => ({ text, isBot });

test('a word is known that the run read twice, that is one id, or that was said before', () => {
  expect(tokenizer.encode(' there')).toHaveLength(1); // the tokenizer's own text has it
  expect(tokenizer.encode(' pickle').length).toBeGreaterThan(1);
  const unknown = unknownWordsIn(lexicon, tokenizer, [said('did Zephyrine call?'), said('tils', true)]);
  expect(unknown('PICKLE there')).toEqual([]);
  expect(unknown('zephyrine there')).toEqual([]);
  expect(unknown('a grold and a Tils, a tils')).toEqual(['grold', 'and', 'tils']);
  expect(unknown('17:30, 8pm 🙂 今日は')).toEqual([]);
});

test('of a word before, only its own form counts', () => {
  const unknown = unknownWordsIn(lexicon, tokenizer, [said('zephyrine')]);
  expect(unknown('zephyrines')).toEqual(['zephyrines']);
});
