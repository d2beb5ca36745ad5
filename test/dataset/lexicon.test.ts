/** Which words a run says that it has read: those of two texts or more, and no word of it can be read back. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isInLexicon, lexicalWords, lexiconOf, lexiconOfPeople } from '../../src/dataset/lexicon.ts';
import type { RedactSpans } from '../../src/tokenizer/chat-format.ts';
import type { ConversationMessage } from '../../src/types.ts';

describe('words', () => {
  test.each([
    ['Don’t you DARE', ['don', 't', 'you', 'dare']],
    ['sooooo good, hahahaha!! yesss', ['soo', 'good', 'haha', 'yess']],
    ['call 0171 at 8pm', ['call', 'at']],
    ['ﬁne 🙂 Ünï', ['fine', 'ünï']],
    ['今日は', ['今', '日', 'は']],
    ['…', []],
  ])('of %j', (text, words) => expect(lexicalWords(text)).toEqual(words));

  test('drawn out more or less, a word is the same', () => {
    const forms = ['nooo', 'noooo', 'noooooooo'].map(lexicalWords);
    expect(new Set(forms.map(String)).size).toBe(1);
    expect(lexicalWords('no')).not.toEqual(forms[0]);
  });
});

describe('lexicon', () => {
  test('holds what stands in two texts, not what one text says, however often', () => {
    const lexicon = lexiconOf(['see you there', 'you there, pip pip pip', 'THERE you are']);
    expect(lexicalWords('see you there pip are').map((word) => isInLexicon(lexicon, word))).toEqual([
      false,
      true,
      true,
      false,
      false,
    ]);
    expect(lexiconOf([])).toHaveLength(0);
  });

  test('of people: what the bot said, and what is hidden, is not read', () => {
    const said = (rowId: number, text: string, isBot = false): ConversationMessage => ({
      ...{ rowId, personId: 1, isPersona: false, isBot, timestampMs: rowId, minutePrecision: false },
      ...{ text, media: null, quotedRowId: null },
    });
    const messages = [said(1, 'see Marlene'), said(2, 'a tils', true), said(3, 'no tils'), said(4, 'see Marlene')];
    const chat = { chatKey: 'a', startMs: 1, previousMs: null, messages, withoutLoss: new Set<number>() };
    const redact: RedactSpans = (text) =>
      [...text.matchAll(/Marlene/g)].map(({ index }) => ({ start: index, end: index + 7, token: 'name' }));
    const lexicon = lexiconOfPeople([chat], redact);
    expect(['see', 'marlene', 'tils'].map((word) => isInLexicon(lexicon, word))).toEqual([true, false, false]);
  });

  test('any texts: exactly the words of two', () => {
    const texts = fc.array(fc.array(fc.constantFrom('a', 'bee', 'cee', 'dee', 'Ä', 'fffff', '7up', 'g’h')));
    fc.assert(
      fc.property(texts, (drawn) => {
        const all = drawn.map((words) => words.join(' '));
        const lexicon = lexiconOf(all);
        const words = [...new Set(all.flatMap(lexicalWords))];
        const repeated = words.filter((word) => all.filter((text) => lexicalWords(text).includes(word)).length > 1);
        expect(words.filter((word) => isInLexicon(lexicon, word))).toEqual(repeated);
        expect(lexicon).toHaveLength(repeated.length);
        expect(lexicon).toEqual(lexicon.slice().sort());
      }),
    );
  });
});
