/** What is said on the review page: decided, hidden, undone, learned. Run: npx vitest run test/store/review.test.ts */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openSqlite } from '../../src/store/database.ts';
import { maskText, toHiddenColumn } from '../../src/store/review-hidden.ts';
import type { Store } from '../../src/store/store.ts';
import { directChat, draft, freshStore, put, say, scene } from './support.ts';

/** All that the review page may say of all messages, and what is counted of it. */
function stateOf(store: Store, chats: readonly number[]): unknown {
  return {
    messages: chats.flatMap((chat) =>
      store.review.threads
        .page(chat, { limit: 500 })
        .messages.map(({ id, decision, hidden, line, leftOut }) => ({ id, decision, hidden, line, leftOut })),
    ),
    exclusions: store.review.exclusions().map(({ id: _id, ...rest }) => rest),
    counts: store.review.chats.list().chats.map(({ id, approved, rejected }) => ({ id, approved, rejected })),
  };
}

/** Counts as a look at every row gives them. */
function recount(store: Store, chat: number): { messages: number; approved: number; rejected: number } {
  const { messages } = store.review.threads.page(chat, { limit: 500 });
  const of = (decision: string): number => messages.filter((message) => message.decision === decision).length;
  return { messages: messages.length, approved: of('approved'), rejected: of('rejected') };
}

describe('decisions', () => {
  test('ids, a stretch, a chat, a person, a time; nothing changes twice', () => {
    const { store, owner, contact, chat } = scene();
    const ids = Array.from({ length: 10 }, (_, n) =>
      put(store, draft(chat, n % 2 === 0 ? owner : contact, `m${n}`, { timestampMs: 1000 * (n + 1) })),
    );
    const decided = (decision: string | null): number[] =>
      store.review.threads
        .page(chat)
        .messages.filter((message) => message.decision === decision)
        .map(({ id }) => ids.indexOf(id));
    expect(store.review.decide({ ids: [ids[1]!, ids[2]!] }, 'approved')).toMatchObject({
      kind: 'approve',
      messages: 2,
    });
    expect(store.review.decide({ ids: [ids[1]!, ids[2]!] }, 'approved')).toBeUndefined();
    expect(decided('approved')).toEqual([1, 2]);
    store.review.decide({ chatId: chat, between: [ids[5]!, ids[3]!] }, 'rejected');
    expect(decided('rejected')).toEqual([3, 4, 5]);
    store.review.decide({ personId: contact }, 'approved');
    expect(decided('approved')).toEqual([1, 2, 3, 5, 7, 9]);
    store.review.decide({ chatId: chat, fromMs: 8000, toMs: 10_000 }, 'rejected');
    expect(decided('rejected')).toEqual([4, 7, 8]);
    store.review.decide({ chatId: chat }, null);
    expect(decided(null)).toHaveLength(10);
    expect(store.review.chats.get(chat)).toMatchObject({ messages: 10, approved: 0, rejected: 0, undecided: 10 });
    for (let n = 0; n < 5; n++) store.review.undo();
    expect(decided(null)).toHaveLength(10);
    for (let n = 0; n < 4; n++) store.review.redo();
    expect(decided('rejected')).toEqual([4, 7, 8]);
    expect(decided('approved')).toEqual([1, 2, 3, 5, 9]);
  });

  test('what a tab did not show is not approved, what another did last is not undone', () => {
    const { store, contact, chat } = scene({ now: () => 5000 });
    const id = put(store, draft(chat, contact, 'before', { waId: 'A' }));
    store.messages.edit(chat, 'A', 'after');
    expect(store.review.decide({ chatId: chat }, 'approved', { seenAtMs: 4000 })).toBeUndefined();
    expect(store.review.hide(id, [{ start: 0, end: 2 }], null)).toBe('changed');
    const mine = store.review.decide({ ids: [id] }, 'rejected')!;
    store.review.decide({ ids: [id] }, 'approved', { seenAtMs: 5000 });
    expect(store.review.undo(mine.id)).toBeUndefined();
    expect(store.review.threads.message(id)!.decision).toBe('approved');
    expect(store.review.undo()).toMatchObject({ kind: 'approve' });
    expect(store.review.undo(mine.id)).toMatchObject({ kind: 'reject' });
  });

  test('sealed messages are neither shown nor decided on', () => {
    const { store, owner, contact, chat } = scene();
    const id = put(store, draft(chat, contact, 'theirs', { waId: 'A' }));
    put(store, draft(chat, owner, 'mine', { quotedWaId: 'A' }));
    store.reactions.set(chat, 'A', owner, '👍', 1);
    say(store, contact, 'withdrawn');
    expect(store.review.decide({ chatId: chat }, 'approved')).toBeUndefined();
    expect(store.review.decide({ ids: [id] }, 'approved')).toBeUndefined();
    const { messages } = store.review.threads.page(chat);
    expect(messages).toHaveLength(2);
    expect(JSON.stringify(messages)).not.toMatch(/mine|theirs|👍/);
    expect(messages.every(({ isSealed }) => isSealed)).toBe(true);
    expect(store.review.chats.get(chat).sealed).toBe('all');
  });

  test('they survive a restart, and go with the message', () => {
    const { store, contact, owner, chat } = scene();
    const a = put(store, draft(chat, contact, 'a lot of words', { waId: 'A' }));
    const b = put(store, draft(chat, owner, 'mine', { waId: 'B' }));
    store.review.decide({ ids: [a] }, 'rejected');
    store.review.hide(a, [{ start: 2, end: 5 }], null);
    store.review.editLine(b, 'better', { personaId: owner, editedAtMs: null });
    store.review.exclude({ personId: contact });
    const before = stateOf(store, [chat]);
    const again = freshStore({ dir: store.dataDir });
    expect(stateOf(again, [chat])).toEqual(before);
    again.messages.erase(chat, 'A');
    again.messages.erase(chat, 'B');
    const db = openSqlite(`${store.dataDir}/persona.sqlite`, { readonly: true });
    for (const table of ['reviews', 'review_lines']) {
      expect(db.prepare(`SELECT COUNT(*) AS n FROM ${table}`).get()).toEqual({ n: 0 });
    }
    expect(db.prepare('SELECT COUNT(*) AS n FROM review_actions WHERE message_id IS NOT NULL').get()).toEqual({ n: 0 });
    db.close();
    while (again.review.undo() !== undefined);
    expect(stateOf(again, [chat])).toMatchObject({ messages: [], exclusions: [] });
  });
});

describe('undo', () => {
  test('any actions, then as many undone: exactly what was before each; done again: exactly what was after', () => {
    const { store, owner, contact, chat } = scene();
    const other = directChat(store, 'x@c.us', owner, contact);
    const ids = Array.from({ length: 12 }, (_, n) =>
      put(
        store,
        draft(n < 8 ? chat : other, n % 3 === 0 ? owner : contact, `text ${n} 😀 and more`, { timestampMs: n }),
      ),
    );
    const id = fc.integer({ min: 0, max: 11 }).map((n) => ids[n]!);
    const decision = fc.constantFrom('approved' as const, 'rejected' as const, null);
    const at = fc.integer({ min: 0, max: 18 });
    const action = fc.oneof(
      fc.record({ do: fc.constant('ids' as const), ids: fc.array(id), decision }),
      fc.record({ do: fc.constant('chat' as const), chat: fc.constantFrom(chat, other), decision }),
      fc.record({ do: fc.constant('person' as const), person: fc.constantFrom(owner, contact), decision }),
      fc.record({
        do: fc.constant('hide' as const),
        id,
        spans: fc.array(fc.record({ start: at, end: at }), { maxLength: 3 }),
      }),
      fc.record({ do: fc.constant('line' as const), id, text: fc.constantFrom('one', 'two', null) }),
      fc.record({ do: fc.constant('exclude' as const), person: fc.constantFrom(owner, contact), fromMs: at }),
      fc.record({ do: fc.constant('include' as const), which: fc.nat(3) }),
    );
    fc.assert(
      fc.property(fc.array(action, { minLength: 1, maxLength: 12 }), (actions) => {
        const states = [stateOf(store, [chat, other])];
        for (const each of actions) {
          const done = ((): unknown => {
            switch (each.do) {
              case 'ids':
                return store.review.decide({ ids: each.ids }, each.decision);
              case 'chat':
                return store.review.decide({ chatId: each.chat }, each.decision);
              case 'person':
                return store.review.decide({ personId: each.person }, each.decision);
              case 'hide':
                return store.review.hide(each.id, each.spans, null);
              case 'line':
                return store.review.editLine(each.id, each.text, { personaId: owner, editedAtMs: null });
              case 'exclude':
                return store.review.exclude({ personId: each.person, fromMs: each.fromMs });
              case 'include':
                return store.review.include(store.review.exclusions()[each.which]?.id ?? -1);
            }
          })();
          const state = stateOf(store, [chat, other]);
          if (done === undefined || done === 'changed') expect(state).toEqual(states.at(-1));
          else states.push(state);
          for (const of of [chat, other]) expect(store.review.chats.get(of)).toMatchObject(recount(store, of));
        }
        const count = states.length - 1;
        for (let n = count - 1; n >= 0; n--) {
          expect(store.review.undo()).toBeDefined();
          expect(stateOf(store, [chat, other])).toEqual(states[n]);
        }
        for (let n = 1; n <= count; n++) {
          expect(store.review.redo()).toBeDefined();
          expect(stateOf(store, [chat, other])).toEqual(states[n]);
        }
        expect(store.review.redo()).toBeUndefined();
      }),
      { numRuns: 25 },
    );
  });

  test('messages that are gone, or say something else by now', () => {
    let now = 1000;
    const { store, contact, chat } = scene({ now: () => now });
    const a = put(store, draft(chat, contact, 'gone soon', { waId: 'A' }));
    const b = put(store, draft(chat, contact, 'edited soon', { waId: 'B' }));
    store.review.decide({ chatId: chat }, 'approved');
    store.review.decide({ chatId: chat }, null);
    store.review.hide(b, [{ start: 0, end: 6 }], null);
    now = 2000;
    store.messages.erase(chat, 'A');
    store.messages.edit(chat, 'B', 'something else');
    expect(store.review.threads.message(b)).toMatchObject({ decision: null, hidden: [{ start: 0, end: 14 }] });
    // hiding stays: it was of words that are gone; words that nobody looked at do not become approved again
    expect(store.review.undo()).toMatchObject({ kind: 'reset' });
    expect(store.review.threads.message(b)).toMatchObject({ decision: null, hidden: [{ start: 0, end: 14 }] });
    expect(store.review.threads.message(a)).toBeUndefined();
    expect(store.review.chats.get(chat)).toMatchObject({ messages: 1, approved: 0 });
  });

  test('an edited message loses approval and stays rejected', () => {
    const { store, contact, chat } = scene();
    const a = put(store, draft(chat, contact, 'one', { waId: 'A' }));
    const b = put(store, draft(chat, contact, 'two', { waId: 'B' }));
    store.review.decide({ ids: [a] }, 'approved');
    store.review.decide({ ids: [b] }, 'rejected');
    store.messages.edit(chat, 'A', 'one more');
    store.messages.edit(chat, 'B', 'two more');
    expect([a, b].map((id) => store.review.threads.message(id)!.decision)).toEqual([null, 'rejected']);
    expect(store.review.chats.get(chat)).toMatchObject({ approved: 0, rejected: 1, undecided: 1 });
  });
});

describe('hiding', () => {
  test('whole characters, joined, within the text', () => {
    const text = 'my 👨‍👩‍👧 code é 42';
    const spans = (column: string | null): unknown => column && JSON.parse(column);
    expect(spans(toHiddenColumn([{ start: 4, end: 5 }], text))).toEqual([[3, 11]]);
    expect(
      spans(
        toHiddenColumn(
          [
            { start: 12, end: 14 },
            { start: 14, end: 99 },
          ],
          text,
        ),
      ),
    ).toEqual([[12, text.length]]);
    expect(
      toHiddenColumn(
        [
          { start: 5, end: 5 },
          { start: 50, end: 60 },
        ],
        text,
      ),
    ).toBeNull();
    expect(
      maskText('call me at five', [
        { start: 5, end: 7 },
        { start: 11, end: 15 },
      ]),
    ).toEqual({
      text: 'call █ at █',
      hidden: [
        { start: 5, end: 6 },
        { start: 10, end: 11 },
      ],
    });
  });

  test('no hidden word is in what may be learned or answered with', () => {
    const { store, owner, contact, chat } = scene();
    const id = put(store, draft(chat, owner, 'the door code is 4711 ok', { waId: 'A' }));
    put(store, draft(chat, contact, 'thanks'));
    store.review.hide(id, [{ start: 17, end: 21 }], null);
    const [seen] = store.messages.conversations(owner);
    expect(seen!.messages[0]).toMatchObject({ text: 'the door code is █ ok', hidden: [{ start: 17, end: 18 }] });
    expect(seen!.messages[1]).not.toHaveProperty('hidden');
    for (const messages of [
      store.messages.context([id], owner),
      store.messages.toConversation(store.messages.recent(chat, 5), owner),
    ]) {
      expect(JSON.stringify(messages)).not.toContain('4711');
      expect(messages[0]!.hidden).toEqual([{ start: 17, end: 18 }]);
    }
  });
});

describe('what may be learned', () => {
  test('rejected, left out, not yet approved; lines written anew', () => {
    const { store, owner, contact, chat } = scene();
    const group = store.chats.resolve('g@g.us', 'group');
    const ids = Array.from({ length: 6 }, (_, n) =>
      put(store, draft(chat, n % 2 === 0 ? owner : contact, `m${n}`, { timestampMs: 1000 * n })),
    );
    const inGroup = put(store, draft(group, contact, 'in group', { timestampMs: 9000 }));
    const learned = (reviewRequired = false): number[] =>
      store.messages
        .conversations(owner, { reviewRequired })
        .flatMap(({ messages }) => messages.map(({ rowId }) => rowId));
    expect(learned()).toEqual([...ids, inGroup]);
    store.review.decide({ ids: [ids[0]!] }, 'rejected');
    store.review.decide({ ids: [ids[1]!, ids[2]!] }, 'approved');
    expect(learned()).toEqual([...ids.slice(1), inGroup]);
    expect(learned(true)).toEqual([ids[1], ids[2]]);
    store.review.exclude({ personId: contact, chatId: chat });
    store.review.exclude({ fromMs: 4000, toMs: 4001 });
    expect(learned()).toEqual([ids[2], inGroup]);
    expect(store.messages.trainable(owner).leftOut).toEqual({
      rejectedMessages: 1,
      excludedMessages: 4,
      undecidedMessages: 0,
    });
    expect(store.messages.trainable(owner, { reviewRequired: true }).leftOut).toEqual({
      rejectedMessages: 1,
      excludedMessages: 4,
      undecidedMessages: 1,
    });
    expect(store.review.editLine(ids[2]!, ' as it should be ', { personaId: owner, editedAtMs: null })).toMatchObject({
      kind: 'line',
    });
    expect(store.review.editLine(ids[3]!, 'not mine', { personaId: owner, editedAtMs: null })).toBe('changed');
    expect(store.messages.conversations(owner)[0]!.messages[0]!.text).toBe('as it should be');
    // an answer is made from what was really said
    expect(store.messages.context([ids[2]!], owner)[0]!.text).toBe('m2');
    store.review.editLine(ids[2]!, 'm2', { personaId: owner, editedAtMs: null });
    expect(store.review.threads.message(ids[2]!)!.line).toBeNull();
  });

  test('a person who is merged later is left out all the same', () => {
    const { store, owner, contact, chat } = scene();
    const twin = store.people.resolve(['77@lid']);
    say(store, twin, 'granted');
    put(store, draft(chat, owner, 'mine'));
    put(store, draft(chat, contact, 'theirs'));
    store.review.exclude({ personId: twin });
    expect(store.messages.conversations(owner)[0]!.messages).toHaveLength(2);
    store.review.people.merge(contact, twin);
    expect(store.messages.conversations(owner)[0]!.messages).toHaveLength(1);
  });
});

describe('threads', () => {
  test('pages forwards, backwards and around hold every message once, in order', () => {
    const { store, owner, contact, chat } = scene();
    const all = Array.from({ length: 60 }, (_, n) =>
      // many at the same time, and not in the order of their ids
      put(store, draft(chat, n % 2 === 0 ? owner : contact, `m${n}`, { timestampMs: 1000 * ((n * 7) % 20) })),
    );
    const { messages: newest, hasBefore, hasAfter } = store.review.threads.page(chat, { limit: 500 });
    expect([newest.length, hasBefore, hasAfter]).toEqual([60, false, false]);
    const order = newest.map(({ id }) => id);
    expect([...order].sort((a, b) => a - b)).toEqual(all);
    const sorted = [...newest].sort((a, b) => a.timestampMs - b.timestampMs || a.id - b.id).map(({ id }) => id);
    expect(order).toEqual(sorted);

    let page = store.review.threads.page(chat, { limit: 7 });
    const back: number[] = [];
    for (;;) {
      back.unshift(...page.messages.map(({ id }) => id));
      if (!page.hasBefore) break;
      page = store.review.threads.page(chat, { limit: 7, before: { messageId: page.messages[0]!.id } });
      expect(page.hasAfter).toBe(true);
    }
    expect(back).toEqual(order);
    const forth = [order[0]!];
    for (;;) {
      page = store.review.threads.page(chat, { limit: 7, after: { messageId: forth.at(-1)! } });
      forth.push(...page.messages.map(({ id }) => id));
      expect(page.hasBefore).toBe(true);
      if (!page.hasAfter) break;
    }
    expect(forth).toEqual(order);
    page = store.review.threads.page(chat, { limit: 9, around: { messageId: order[30]! } });
    expect(page.messages.map(({ id }) => id)).toEqual(order.slice(26, 35));
    expect([page.hasBefore, page.hasAfter]).toEqual([true, true]);
    const { messageId } = store.review.threads.placeAt(chat, 7500)!;
    expect(messageId).toBe(newest.find(({ timestampMs }) => timestampMs >= 7500)!.id);
    expect(store.review.threads.span(chat)).toEqual({ firstMs: 0, lastMs: 19_000 });
    expect(store.review.threads.histogram(chat, [0, 5000, 20_000])).toEqual([15, 45]);
  });

  test('quotes, reactions, media, edits, corrections, the bot', () => {
    const { store, owner, contact, chat } = scene({ now: () => 777 });
    const question = put(store, draft(chat, contact, 'where?', { waId: 'Q', timestampMs: 1 }));
    put(
      store,
      draft(chat, owner, 'here', { waId: 'A', timestampMs: 2, quotedWaId: 'Q', kind: 'media', media: 'image' }),
    );
    put(store, draft(chat, owner, 'bot says', { waId: 'B', timestampMs: 3, origin: 'bot', quotedWaId: 'gone' }));
    put(store, draft(chat, owner, 'should say', { waId: 'C', timestampMs: 4, quotedWaId: 'corrects:B' }));
    store.reactions.set(chat, 'A', contact, '😂', 5);
    store.messages.edit(chat, 'Q', 'where to?');
    const [q, a, b, c] = store.review.threads.page(chat).messages;
    expect(q).toMatchObject({ editedAtMs: 777, text: 'where to?', quotes: null });
    expect(a).toMatchObject({ media: 'image', reactions: [{ emoji: '😂', personId: contact }] });
    expect(a!.quotes).toEqual({ id: question, personId: contact, text: 'where to?', media: null });
    expect(b).toMatchObject({ isBot: true, origin: 'bot', quotes: { id: null, text: '' } });
    expect(c).toMatchObject({ isBot: false, origin: 'correction', quotes: null, corrects: { text: 'bot says' } });
  });
});

describe('people and chats', () => {
  test('lists with counts that stay true through merging, splitting and erasing', () => {
    const { store, owner, contact, chat } = scene();
    const twin = store.people.resolve(['99@lid']);
    say(store, twin, 'granted');
    const second = directChat(store, '99@lid', owner, twin);
    for (let n = 0; n < 5; n++) put(store, draft(chat, contact, `one ${n}`, { timestampMs: n, waId: `a${n}` }));
    const moved = [5, 6, 7].map((n) => put(store, draft(second, twin, `two ${n}`, { timestampMs: n })));
    store.review.decide({ ids: [moved[0]!] }, 'approved');
    expect(store.review.search({ text: 'two', personId: twin }).hits).toHaveLength(3);
    const { chats } = store.review.chats.list();
    expect(chats.map(({ id, messages, approved }) => [id, messages, approved])).toEqual([
      [second, 3, 1],
      [chat, 5, 0],
    ]);
    expect(store.review.chats.list({ limit: 1, after: chats[0]! }).chats.map(({ id }) => id)).toEqual([chat]);

    expect(store.review.people.merge(contact, twin)).toBe(contact);
    expect(store.review.people.get(contact)).toMatchObject({ messages: 8, approved: 1, chats: 2 });
    expect(store.review.search({ text: 'two', personId: contact }).hits).toHaveLength(3);
    expect(store.review.people.list()[0]).toMatchObject({ id: contact, aliases: ['4911@c.us', '99@lid'], messages: 8 });

    expect(store.review.people.chatsOfAliases(contact, ['99@lid'])).toEqual([second]);
    const apart = store.review.people.split(contact, ['99@lid'], [second]);
    expect(store.review.people.get(apart)).toMatchObject({ messages: 3, approved: 1, isOpen: false });
    expect(store.review.people.get(contact)).toMatchObject({ messages: 5, approved: 0, aliases: ['4911@c.us'] });
    expect(store.review.search({ text: 'two' }).hits).toEqual([]); // nobody agreed for the new person
    say(store, apart, 'granted');
    expect(store.review.search({ text: 'two', personId: apart }).hits).toHaveLength(3);
    expect(store.review.search({ text: 'two', personId: contact }).hits).toEqual([]);

    store.messages.erase(chat, 'a0');
    expect(store.review.people.get(contact)).toMatchObject({ messages: 4 });
    store.forget(apart);
    expect(store.review.people.get(apart)).toMatchObject({ messages: 0, approved: 0 });
    expect(() => store.review.people.split(contact, ['4911@c.us'], [])).toThrow(/cannot be split/);
  });

  test('why a reply: nearest lines of the persona share most with it', () => {
    const { store, owner, contact, chat } = scene();
    const near = put(store, draft(chat, owner, 'see you at the station then', { timestampMs: 1 }));
    put(store, draft(chat, owner, 'the weather is nice', { timestampMs: 2 }));
    const theirs = put(store, draft(chat, contact, 'see you at the station', { timestampMs: 3 }));
    const rejected = put(store, draft(chat, owner, 'see you at the station', { timestampMs: 4 }));
    store.review.decide({ ids: [rejected] }, 'rejected');
    const found = store.review.replies.nearest('see you at the station!', owner);
    expect(found[0]).toMatchObject({ messageId: near, text: 'see you at the station then' });
    expect(found.map(({ messageId }) => messageId)).not.toContain(theirs);
    expect(found.map(({ messageId }) => messageId)).not.toContain(rejected);
    expect(found[0]!.nearness).toBeGreaterThan(0.7);
    expect(store.review.replies.nearest('?!', owner)).toEqual([]);
  });
});
