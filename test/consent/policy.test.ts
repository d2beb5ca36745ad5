/** Consent as a state machine, and the one door into the store. Run: npx vitest run test/consent/policy.test.ts */
import fc from 'fast-check';
import { describe, expect, expectTypeOf, test } from 'vitest';
import {
  admit,
  consentState,
  isOpen,
  storableText,
  type AdmitContext,
  type ConsentedMessage,
} from '../../src/consent/policy.ts';
import type {
  ChatKind,
  ConsentAction,
  ConsentEvent,
  ConsentScope,
  MessageDraft,
  MessageKind,
} from '../../src/types.ts';
import { messageKinds } from '../../src/types.ts';

const event = (action: ConsentAction, atMs = 0, scope: ConsentScope = 'log'): ConsentEvent => ({
  personId: 1,
  scope,
  action,
  atMs,
  noticeHash: '',
  chatId: null,
});
const fold = (...actions: ConsentAction[]): ReturnType<typeof consentState> =>
  consentState(
    actions.map((action, index) => event(action, index + 1)),
    'log',
  );

describe('consentState', () => {
  test.each<[ConsentAction[], string, number | null, boolean]>([
    [[], 'unknown', null, false],
    [['asked'], 'asked', 1, false],
    [['asked', 'asked'], 'asked', 1, false],
    [['asked', 'granted'], 'granted', 2, false],
    [['granted', 'asked', 'granted'], 'granted', 1, false],
    [['asked', 'declined'], 'declined', 2, false],
    [['declined', 'asked'], 'declined', 1, false],
    [['declined', 'granted'], 'granted', 2, false],
    [['granted', 'withdrawn'], 'withdrawn', 2, false],
    [['granted', 'withdrawn', 'granted'], 'granted', 3, false],
    [['granted', 'forgotten'], 'withdrawn', 2, false],
    [['attested'], 'unknown', null, true],
    [['attested', 'asked'], 'asked', 2, true],
    [['attested', 'granted'], 'granted', 2, true],
    [['attested', 'declined'], 'declined', 2, false],
    [['declined', 'attested'], 'declined', 1, false],
    [['withdrawn', 'attested'], 'withdrawn', 1, false],
    [['forgotten', 'attested'], 'withdrawn', 1, false],
    [['attested', 'forgotten', 'granted'], 'granted', 3, false],
    [['forgotten', 'granted', 'attested'], 'granted', 2, true],
  ])('%j -> %s since %s, attested %s', (actions, state, sinceMs, attested) => {
    expect(fold(...actions)).toEqual({ state, sinceMs, attested });
  });

  test('the scopes do not touch each other', () => {
    const history = [event('granted', 1, 'log'), event('declined', 2, 'imitate')];
    expect(consentState(history, 'log').state).toBe('granted');
    expect(consentState(history, 'imitate').state).toBe('declined');
  });

  test('the order of the ledger counts, not the clock', () => {
    expect(consentState([event('granted', 500), event('withdrawn', 100)], 'log')).toEqual({
      state: 'withdrawn',
      sinceMs: 100,
      attested: false,
    });
  });

  const actions = fc.constantFrom<ConsentAction>('asked', 'granted', 'declined', 'withdrawn', 'forgotten', 'attested');
  test('properties over every history', () => {
    fc.assert(
      fc.property(fc.array(actions, { maxLength: 12 }), (history) => {
        const standing = fold(...history);
        const answers = history.filter((action) => action !== 'asked' && action !== 'attested');
        const last = answers.at(-1);
        // the last word of the person decides, whatever was asked or attested since
        expect(standing.state === 'granted').toBe(last === 'granted');
        expect(standing.state === 'declined').toBe(last === 'declined');
        expect(standing.state === 'withdrawn').toBe(last === 'withdrawn' || last === 'forgotten');
        // a refusal closes everything, and no attestation opens it
        if (last !== undefined && last !== 'granted') {
          expect(isOpen(standing)).toBe(false);
          expect(isOpen(fold(...history, 'attested', 'asked'))).toBe(false);
        }
        expect(isOpen(fold(...history, 'granted'))).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});

const draft = (changes: Partial<MessageDraft> = {}): MessageDraft => ({
  waId: 'w1',
  chatId: 1,
  personId: 1,
  fromMe: false,
  origin: 'live',
  timestampMs: 1000,
  minutePrecision: false,
  kind: 'text',
  text: 'hello',
  media: null,
  quotedWaId: null,
  ...changes,
});
const granted = { state: 'granted', sinceMs: 500 } as const;
const live = (changes: Partial<AdmitContext> = {}): AdmitContext => ({
  chatKind: 'direct',
  collecting: true,
  collectSinceMs: 400,
  author: granted,
  others: [granted],
  isForwarded: false,
  isEphemeral: false,
  isImport: false,
  attested: false,
  ...changes,
});
const imported = (changes: Partial<AdmitContext> = {}): AdmitContext =>
  live({ isImport: true, collecting: false, collectSinceMs: null, ...changes });

describe('admit, live', () => {
  test('what both agreed to is admitted as it is, and frozen', () => {
    const message = admit(draft(), live());
    expect(message).toEqual(draft());
    expect(Object.isFrozen(message)).toBe(true);
  });

  test.each<[string, Partial<MessageDraft>, Partial<AdmitContext>]>([
    ['collection is off', {}, { collecting: false }],
    ['collection was never switched on', {}, { collectSinceMs: null }],
    [
      'written before collection',
      { timestampMs: 499 },
      { collectSinceMs: 500, author: { state: 'granted', sinceMs: 0 }, others: [{ state: 'granted', sinceMs: 0 }] },
    ],
    ['written before the author granted', { timestampMs: 499 }, {}],
    ['written before the other side granted', { timestampMs: 999 }, { others: [{ state: 'granted', sinceMs: 1000 }] }],
    ['author unknown', {}, { author: { state: 'unknown', sinceMs: null } }],
    ['author asked', {}, { author: { state: 'asked', sinceMs: 1 } }],
    ['author declined', {}, { author: { state: 'declined', sinceMs: 1 } }],
    ['author withdrew', {}, { author: { state: 'withdrawn', sinceMs: 1 } }],
    ['author only attested', {}, { author: { state: 'unknown', sinceMs: null }, attested: true }],
    ['other side asked', {}, { others: [{ state: 'asked', sinceMs: 1 }] }],
    ['other side only attested', {}, { others: [{ state: 'unknown', sinceMs: null, attested: true }] }],
    ['other side unknown to the caller', {}, { others: [] }],
    ['forwarded', {}, { isForwarded: true }],
    ['disappearing', {}, { isEphemeral: true }],
    ['contact card', { kind: 'media', media: 'contact' }, {}],
    ['status', {}, { chatKind: 'status' }],
    ['broadcast', {}, { chatKind: 'broadcast' }],
    ['newsletter', {}, { chatKind: 'newsletter' }],
  ])('not where: %s', (_, message, context) => {
    expect(admit(draft(message), live(context))).toBeUndefined();
  });

  test('in groups and the self-chat the author alone decides', () => {
    expect(admit(draft(), live({ chatKind: 'group', others: [] }))).toBeDefined();
    expect(admit(draft(), live({ chatKind: 'self', others: [] }))).toBeDefined();
    expect(
      admit(draft(), live({ chatKind: 'group', others: [], author: { state: 'asked', sinceMs: 1 } })),
    ).toBeUndefined();
  });

  test.each(messageKinds.map((kind) => [kind]))('kind %s', (kind: MessageKind) => {
    const isStored = ['text', 'media', 'edited', 'location'].includes(kind);
    expect(admit(draft({ kind }), live()) !== undefined).toBe(isStored);
  });

  test('a place and the numbers of mentioned people are not kept', () => {
    expect(admit(draft({ kind: 'location', text: '52.5,13.4' }), live())?.text).toBe('');
    expect(admit(draft({ text: 'ask @4915112345678 or @\u206849301234\u2069!' }), live())?.text).toBe('ask @ or @!');
    expect(storableText('meet @ 8, a@b.de @anna @1234')).toBe('meet @ 8, a@b.de @anna @1234');
    expect(storableText('hi @\u2068+49 151\u00a0123-4567\u2069, 5 pm')).toBe('hi @, 5 pm');
    expect(storableText('hi @\u2068~Eva 5\u2069')).toBe('hi @\u2068~Eva 5\u2069');
  });
});

describe('admit, imports', () => {
  const unknown = { state: 'unknown', sinceMs: null } as const;
  const attestedOther = { ...unknown, attested: true };

  test.each<[string, Partial<MessageDraft>, Partial<AdmitContext>, boolean]>([
    ['attested author and other side', {}, { author: unknown, attested: true, others: [attestedOther] }, true],
    ['nobody vouched', {}, { author: unknown, others: [attestedOther] }, false],
    ['the other side is unknown', {}, { author: unknown, attested: true, others: [unknown] }, false],
    ['the other side declined', {}, { attested: true, others: [{ state: 'declined', sinceMs: 1 }] }, false],
    [
      'the other side declined, though attested',
      {},
      { attested: true, others: [{ state: 'declined', sinceMs: 1, attested: true }] },
      false,
    ],
    ['the author withdrew, though attested', {}, { author: { state: 'withdrawn', sinceMs: 1 }, attested: true }, false],
    ['granted, written after', { timestampMs: 500 }, {}, true],
    ['granted, written before', { timestampMs: 499 }, {}, false],
    ['the owner who brings the file, written before', { timestampMs: 1, fromMe: true }, {}, true],
    ['attested, written before', { timestampMs: 1 }, { attested: true }, true],
    ['forwarded', {}, { attested: true, isForwarded: true }, false],
  ])('%s', (_, message, context, expected) => {
    expect(admit(draft({ origin: 'import', ...message }), imported(context)) !== undefined).toBe(expected);
  });
});

test('nothing dated before every side granted is ever admitted live', () => {
  const side = fc.record({
    state: fc.constantFrom('unknown', 'asked', 'granted', 'granted', 'granted', 'granted', 'declined', 'withdrawn'),
    sinceMs: fc.option(fc.integer({ min: 0, max: 20 }), { nil: null }),
    attested: fc.boolean(),
  });
  const context = fc.record({
    chatKind: fc.constantFrom<ChatKind>('direct', 'self', 'group', 'status', 'broadcast', 'newsletter'),
    collecting: fc.boolean(),
    collectSinceMs: fc.option(fc.integer({ min: 0, max: 20 }), { nil: null }),
    author: side,
    others: fc.array(side, { maxLength: 2 }),
    isForwarded: fc.boolean(),
    isEphemeral: fc.boolean(),
    isImport: fc.constant(false),
    attested: fc.boolean(),
  }) as fc.Arbitrary<AdmitContext>;
  let admitted = 0;
  fc.assert(
    fc.property(context, fc.integer({ min: 0, max: 20 }), (given, timestampMs) => {
      if (admit(draft({ timestampMs }), given) === undefined) return;
      admitted++;
      for (const each of [given.author, ...given.others]) {
        expect(each.state).toBe('granted');
        expect(each.sinceMs).toBeLessThanOrEqual(timestampMs);
      }
      expect(given.collecting && given.collectSinceMs !== null && given.collectSinceMs <= timestampMs).toBe(true);
      expect(given.isForwarded || given.isEphemeral).toBe(false);
    }),
    { numRuns: 20_000, seed: 1 },
  );
  expect(admitted).toBeGreaterThan(20); // the property was not met by refusing everything
});

test('only consent makes the type that the store takes', () => {
  expectTypeOf<MessageDraft>().not.toExtend<ConsentedMessage>();
  const copy = (message: ConsentedMessage) => ({ ...message, text: 'something else' });
  expectTypeOf(copy).returns.not.toExtend<ConsentedMessage>();
});
