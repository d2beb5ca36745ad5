/** Rows: every target once, enough context to its left, nothing across conversations, little waste. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { rowStats, toRows } from '../../src/dataset/rows.ts';
import { encodeConversation, type EncodedConversation } from '../../src/tokenizer/chat-format.ts';
import { createRandom } from '../../src/util/random.ts';
import { anyConversation, tinyTokenizer, tokenIds } from '../tokenizer/examples.ts';

const firstId = 1000;
const perConversation = 10_000;

/** Conversations whose every id but <|bos|> and <|end|> tells conversation and position. Kinds as given. */
function labelled(kindsOf: number[][], endsEvery = 1e9): EncodedConversation[] {
  return kindsOf.map((kinds, conversation) => ({
    ids: Int32Array.from(kinds, (_, at) => {
      if (at === 0) return tokenIds.bos;
      return at % endsEvery === 0 ? tokenIds.end : firstId + conversation * perConversation + at;
    }),
    kinds: Uint8Array.from(kinds, (kind, at) => (at === 0 ? 0 : kind)),
    messageIndex: new Int32Array(kinds.length),
    endId: tokenIds.end,
  }));
}

const place = (id: number): [number, number] => [
  Math.floor((id - firstId) / perConversation),
  (id - firstId) % perConversation,
];

const anyKinds = fc.array(
  fc.oneof(
    fc.array(fc.constantFrom(0, 1, 2), { minLength: 1, maxLength: 40 }),
    fc.tuple(fc.constantFrom(0, 1), fc.integer({ min: 1, max: 150 })).map(([kind, n]) => Array<number>(n).fill(kind)),
    fc.array(fc.constantFrom(0, 0, 0, 0, 1), { minLength: 100, maxLength: 300 }),
  ),
  { maxLength: 8 },
);

test('a short conversation is one row: inputs, and as targets what follows where it carries loss', () => {
  const conversation = {
    ids: Int32Array.from([tokenIds.bos, 100, 101, 102, 103, 104]),
    kinds: Uint8Array.from([0, 0, 2, 1, 1, 0]),
    messageIndex: new Int32Array(6),
    endId: tokenIds.end,
  };
  expect(toRows([conversation], 8)).toEqual([
    {
      inputs: Int32Array.from([tokenIds.bos, 100, 101, 102]), // 103 is the last target
      targets: Int32Array.from([-1, 101, 102, 103]),
      kinds: Uint8Array.from([0, 2, 1, 1]),
    },
  ]);
});

test('conversations without a target give no row', () => {
  expect(toRows(labelled([[0, 0, 0], [0], []]), 8)).toEqual([]);
  expect(toRows([], 8)).toEqual([]);
});

test('a long conversation is cut into windows with half a context to the left of what they score', () => {
  const rows = toRows(labelled([Array<number>(31).fill(1)]), 16);
  // window 1 scores 1..16; window 2 starts at 17 - 8 = 9 and, behind <|bos|>, scores 17..24; the last reaches 30
  expect(rows.map(({ inputs }) => [...inputs].map((id) => (id === tokenIds.bos ? 'bos' : place(id)[1])))).toEqual([
    ['bos', 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    ['bos', 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23],
    ['bos', 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29],
  ]);
  expect(rows.map(({ targets }) => [...targets].filter((id) => id >= 0).map((id) => place(id)[1]))).toEqual([
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
    [17, 18, 19, 20, 21, 22, 23, 24],
    [25, 26, 27, 28, 29, 30],
  ]);
});

test('a window starts with a turn where one begins shortly before', () => {
  const [, second] = toRows(labelled([Array<number>(200).fill(1)], 7), 64);
  // 65 - 32 = 33 is the latest start; ids[28] ends a turn, so the window starts at 29
  expect([...(second?.inputs.slice(0, 2) ?? [])]).toEqual([tokenIds.bos, firstId + 29]);
});

describe('for any conversations', () => {
  const contexts = fc.constantFrom(8, 16, 33, 64, 128);

  test('every id that carries loss is a target exactly once, of its kind, and nothing else is', () => {
    fc.assert(
      fc.property(anyKinds, contexts, fc.constantFrom(5, 1e9), (kindsOf, contextLength, endsEvery) => {
        const encoded = labelled(kindsOf, endsEvery);
        const found: string[] = [];
        for (const { inputs, targets, kinds } of toRows(encoded, contextLength)) {
          expect(inputs.length).toBeLessThanOrEqual(contextLength);
          expect([targets.length, kinds.length]).toEqual([inputs.length, inputs.length]);
          targets.forEach((target, i) => {
            if (target !== -1 || kinds[i] !== 0) found.push(`${target} of kind ${kinds[i]}`);
          });
        }
        const expected = encoded.flatMap(({ ids, kinds }) => [...ids].map((id, at) => `${id} of kind ${kinds[at]}`));
        expect(found.sort()).toEqual(expected.filter((each) => !each.endsWith('kind 0')).sort());
      }),
      { numRuns: 200 },
    );
  });

  test('a target follows its own conversation, and has half a context of it to the left where that exists', () => {
    fc.assert(
      fc.property(anyKinds, contexts, (kindsOf, contextLength) => {
        const problems: string[] = [];
        const require = (holds: boolean, problem: string): number => (holds ? 0 : problems.push(problem));
        for (const { inputs, targets } of toRows(labelled(kindsOf), contextLength)) {
          let start = 0;
          inputs.forEach((input, i) => {
            if (input === tokenIds.bos) start = i;
            if (i > start + 1) require(input === (inputs[i - 1] ?? 0) + 1, `input ${input} does not follow`);
            const target = targets[i] ?? -1;
            if (target === -1) return;
            const [, at] = place(target);
            // only a conversation's first id follows <|bos|>
            require(i > start ? target === input + 1 : at === 1, `target ${target} after ${input}`);
            const isFirstWindow = start === i || place(inputs[start + 1] ?? 0)[1] === 1;
            // ids before the target in this row, of the conversation itself: a later window's <|bos|> is not
            const left = i - start + (isFirstWindow ? 1 : 0);
            require(left >= Math.min(at, Math.ceil(contextLength / 2)), `${left} ids before ${target}`);
          });
        }
        expect(problems).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });

  test('every piece of a row starts with <|bos|> and ends with a target', () => {
    fc.assert(
      fc.property(anyKinds, contexts, (kindsOf, contextLength) => {
        for (const { inputs, targets } of toRows(labelled(kindsOf), contextLength)) {
          expect(inputs[0]).toBe(tokenIds.bos);
          const ends = [...inputs.keys()].filter((i) => i + 1 === inputs.length || inputs[i + 1] === tokenIds.bos);
          expect(ends.filter((i) => targets[i] === -1)).toEqual([]);
        }
      }),
    );
  });

  test('encoded chats keep all of their loss', () => {
    fc.assert(
      fc.property(fc.array(anyConversation(), { maxLength: 5 }), (conversations) => {
        const encoded = conversations.map((messages) => encodeConversation(messages, tinyTokenizer));
        const rows = toRows(encoded, 32);
        const wanted = encoded.flatMap(({ kinds }) => [...kinds].filter((kind) => kind !== 0));
        expect(rowStats(rows, 32).targets).toBe(wanted.length);
      }),
    );
  });
});

test('packing fills rows, whatever the order, and gives the same rows every time', () => {
  const random = createRandom(11);
  const encoded = labelled(Array.from({ length: 800 }, () => Array<number>(3 + random.int(60)).fill(1)));
  const rows = toRows(encoded, 128);
  const { fill } = rowStats(rows, 128);
  expect(fill).toBeGreaterThan(0.97);
  expect(rowStats(toRows(random.shuffle([...encoded]), 128), 128).rows).toBe(rows.length);
  const flat = (list: typeof rows): string =>
    list.map(({ inputs, targets }) => `${inputs.join()} ${targets.join()}`).join('\n');
  expect(flat(toRows(encoded, 128)) === flat(rows)).toBe(true);
  const firsts = rows.map(({ inputs }) => place(inputs[1] ?? 0)[0]);
  expect(firsts).toEqual([...firsts].sort((a, b) => a - b));
});

test('rowStats of nothing wastes nothing; a context that cannot be halved is refused', () => {
  expect(rowStats([], 128)).toEqual({ rows: 0, targets: 0, fill: 1 });
  expect(rowStats(toRows(labelled([[0, 1, 1, 1]]), 8), 8)).toEqual({ rows: 1, targets: 3, fill: 3 / 8 });
  expect(() => toRows([], 7)).toThrow('contextLength 7, too short to cut');
});

test('with less context asked for, fewer windows hold every target once; what is asked for is there', () => {
  fc.assert(
    fc.property(
      anyKinds,
      fc.constantFrom(0, 0.25, 0.75),
      fc.integer({ min: 8, max: 64 }),
      (kinds, leftShare, context) => {
        const conversations = labelled(kinds);
        const rows = toRows(conversations, context, { leftShare });
        const seen = new Set<number>();
        for (const { inputs, targets } of rows) {
          expect(inputs.length).toBeLessThanOrEqual(context);
          targets.forEach((target, i) => {
            if (target < 0) return;
            expect(seen.has(target)).toBe(false);
            seen.add(target);
            const [, at] = place(target);
            const row = Array.from(inputs.subarray(0, i + 1));
            const start = row.lastIndexOf(tokenIds.bos);
            expect(i - start).toBeGreaterThanOrEqual(Math.min(at - 1, Math.ceil(context * leftShare)));
          });
        }
        const wanted = kinds.flat().filter((kind) => kind !== 0).length;
        const first = kinds.filter((list) => (list[0] ?? 0) !== 0).length; // <|bos|> is never a target
        expect(seen.size).toBe(wanted - first);
      },
    ),
  );
  const long = labelled([Array<number>(400).fill(1)]);
  expect(toRows(long, 32, { leftShare: 0 }).length).toBeLessThan(toRows(long, 32).length * 0.6);
  expect(() => toRows(long, 32, { leftShare: 1 })).toThrow('1 of a context');
});
