/** Conversations from JSONL: turns, times in every form, and errors that name file and line but never the content. */
import { describe, expect, test } from 'vitest';
import { parseConversations } from '../../src/dataset/jsonl.ts';
import { UserError } from '../../src/util/errors.ts';

const parse = (...lines: unknown[]): ReturnType<typeof parseConversations> =>
  parseConversations(lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'), {
    persona: 'Ada',
    file: 'held.jsonl',
  });
const noon = Date.UTC(2026, 8, 19, 12);

test('turns become messages of persona and others', () => {
  const conversations = parse(
    {
      id: 'a',
      turns: [
        { s: 'Bo', t: 'hi\nthere' },
        { s: 'Ada', t: 'yo', more: 1 },
      ],
    },
    '',
    {
      id: 7,
      turns: [
        { s: 'Cy', t: '' },
        { s: 'Ada', t: '<|end|>' },
        { s: 'Bo', t: 'x' },
      ],
    },
  );
  expect(
    conversations.map(({ chatKey, messages }) => [
      chatKey,
      messages.map(({ rowId, personId, isPersona, isBot, text }) => [rowId, personId, isPersona, isBot, text]),
    ]),
  ).toEqual([
    [
      'a',
      [
        [1, 2, false, false, 'hi\nthere'],
        [2, 1, true, false, 'yo'],
      ],
    ],
    [
      '7',
      [
        [3, 3, false, false, ''],
        [4, 1, true, false, '<|end|>'],
        [5, 2, false, false, 'x'],
      ],
    ],
  ]);
  expect(conversations[0]).toMatchObject({ startMs: null, previousMs: null });
});

describe('times', () => {
  const read = (...times: unknown[]): [number | null, boolean][] =>
    parse({ id: 'a', turns: times.map((ts) => ({ s: 'Ada', t: 'x', ts })) }).flatMap(({ messages }) =>
      messages.map(({ timestampMs, minutePrecision }): [number | null, boolean] => [timestampMs, minutePrecision]),
    );

  test('are seconds, milliseconds or ISO 8601', () => {
    const second = noon + 1000;
    const forms = [second / 1000, second, '2026-09-19T12:00:01', '2026-09-19T14:00:01+02:00', '2026-09-19 12:00:01Z'];
    expect(read(...forms)).toEqual(forms.map(() => [second, false]));
    expect(read(second / 1000 + 0.25)).toEqual([[second + 250, false]]);
    expect(read('2026-09-19T12:00:01.500Z')).toEqual([[second + 500, false]]);
  });

  test('may be elapsed time, as in transcripts of flights', () => {
    expect(read('00:00:28:53', '02:07:55:20', '-00:00:00:05')).toEqual([
      [(28 * 60 + 53) * 1000, false],
      [((2 * 24 + 7) * 3600 + 55 * 60 + 20) * 1000, false],
      [-5000, false],
    ]);
  });

  test('nobody can read are unknown', () => {
    expect(read('12:18', 'yesterday', '2026-13-45 10:00', '2026-09-19', null, undefined, noon + 1)).toEqual([
      ...Array.from({ length: 6 }, () => [null, false]),
      [noon + 1, false],
    ]);
  });

  test('without seconds are known to the minute', () => {
    expect(read('2026-09-19 12:00', '2026-09-19T12:00Z', '2026-09-19 12:00:00', noon + 7)).toEqual([
      [noon, true],
      [noon, true],
      [noon, false],
      [noon + 7, false],
    ]);
  });

  test('that are all whole minutes are known to the minute', () => {
    expect(read(noon / 1000, noon / 1000 + 120)).toEqual([
      [noon, true],
      [noon + 120_000, true],
    ]);
  });

  test('with a long silence make two conversations of a line', () => {
    const conversations = parse({
      id: 'a',
      turns: [
        { s: 'Ada', t: 'x', ts: noon },
        { s: 'Ada', t: 'y', ts: noon + 7 * 3_600_000 },
      ],
    });
    expect(conversations.map(({ chatKey, previousMs }) => [chatKey, previousMs])).toEqual([
      ['a', null],
      ['a', noon],
    ]);
  });
});

test('a byte order mark and Windows line ends do no harm', () => {
  const line = JSON.stringify({ id: 'a', turns: [{ s: 'Ada', t: 'x' }] });
  expect(parse(`\ufeff${line}\r`, `${line}\r`)).toHaveLength(2);
});

test.each<[string, unknown, string]>([
  ['no JSON', '{"id":"a","turns":[{"s":"Ada","t":"secret', 'held.jsonl:2: not JSON.'],
  ['no object', '["secret"]', 'held.jsonl:2: the line is missing or of the wrong type.'],
  ['no id', { turns: [] }, 'held.jsonl:2: "id" is missing or of the wrong type.'],
  ['no turns', { id: 'a', turns: 'secret' }, 'held.jsonl:2: "turns" is missing or of the wrong type.'],
  ['no text', { id: 'a', turns: [{ s: 'secret' }] }, 'held.jsonl:2: "turns.0.t" is missing or of the wrong type.'],
  ['a speaker that is a number', { id: 'a', turns: [{ s: 1, t: 'secret' }] }, 'held.jsonl:2: "turns.0.s" is missing'],
  ['a time that is a list', { id: 'a', turns: [{ s: 'a', t: 'secret', ts: [] }] }, 'held.jsonl:2: "turns.0.ts" is'],
  [
    'a time beyond time',
    { id: 'a', turns: [{ s: 'a', t: 'secret', ts: 1e300 }] },
    'held.jsonl:2: "ts" is no Unix time.',
  ],
])('a line with %s is refused by file and line', (_, line, problem) => {
  const good = { id: 'a', turns: [{ s: 'Ada', t: 'x' }] };
  const refused = catchError(() => parse(good, line));
  expect(refused).toBeInstanceOf(UserError);
  expect(refused?.message).toContain(problem);
  expect(refused?.message).not.toContain('secret');
});

test('a file in which the persona is silent is refused', () => {
  expect(catchError(() => parse({ id: 'a', turns: [{ s: 'ada', t: 'x' }] }))?.message).toBe(
    'held.jsonl: no turn is by the persona.',
  );
  expect(catchError(() => parse(''))).toBeInstanceOf(UserError);
});

function catchError(work: () => unknown): Error | undefined {
  try {
    work();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  return undefined;
}
