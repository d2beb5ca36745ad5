/** Messages: added once, read only where consent stands, edited and erased. Run: npx vitest run test/store/messages.test.ts */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { openSqlite } from '../../src/store/database.ts';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { phraseHashes } from '../../src/util/phrases.ts';
import { admitted, directChat, draft, freshDir, freshStore, put, say, scene } from './support.ts';

describe('adding', () => {
  test('a message comes back as it was admitted', () => {
    const { store, contact, chat } = scene();
    const message = draft(chat, contact, 'hé 👋🏽 \0 \ud83d x', {
      waId: 'A',
      kind: 'media',
      media: 'image',
      minutePrecision: true,
      quotedWaId: 'Q',
      timestampMs: 1_700_000_000_123,
    });
    const { rowId, inserted } = store.messages.add(admitted(message));
    expect(inserted).toBe(true);
    // a lone surrogate is no UTF-8: it is stored as U+FFFD
    expect(store.messages.find(chat, 'A')).toEqual({ ...message, text: 'hé 👋🏽 \0 \ufffd x', rowId, editedAtMs: null });
    expect(store.messages.find(chat, 'B')).toBeUndefined();
    expect(store.messages.lastTimestamp(chat)).toBe(1_700_000_000_123);
    expect(store.messages.lastTimestamp(chat + 1)).toBeNull();
  });

  test('the first version of a message stays; fromMe is part of its identity', () => {
    const { store, contact, owner, chat } = scene();
    const first = store.messages.add(admitted(draft(chat, contact, 'one', { waId: 'A' })));
    expect(store.messages.add(admitted(draft(chat, contact, 'two', { waId: 'A' })))).toEqual({
      ...first,
      inserted: false,
    });
    expect(store.messages.add(admitted(draft(chat, owner, 'mine', { waId: 'A', fromMe: true }))).inserted).toBe(true);
    expect(store.messages.recent(chat, 9).map(({ text }) => text)).toEqual(['one', 'mine']);
  });

  test('any events, each one to three times, in any order: one row each', () => {
    const { store, contact, owner, chat } = scene();
    let group = 0;
    const event = fc.record({ waId: fc.nat(30).map(String), fromMe: fc.boolean(), inChat: fc.nat(2) });
    const deliveries = fc
      .uniqueArray(event, { selector: ({ waId, fromMe, inChat }) => `${waId} ${fromMe} ${inChat}`, minLength: 1 })
      .chain((events) =>
        fc.record({
          events: fc.constant(events),
          order: fc
            .tuple(
              ...events.map((each) =>
                fc.integer({ min: 1, max: 3 }).map((times) => Array<typeof each>(times).fill(each)),
              ),
            )
            .chain((all) => fc.shuffledSubarray(all.flat(), { minLength: all.flat().length })),
        }),
      );
    fc.assert(
      fc.property(deliveries, fc.boolean(), ({ events, order }, atOnce) => {
        group++;
        const before = store.messages.count();
        const chats = [0, 1, 2].map((n) => directChat(store, `${group}-${n}@c.us`, owner, contact));
        const messages = order.map(({ waId, fromMe, inChat }) =>
          admitted(draft(chats[inChat]!, fromMe ? owner : contact, waId, { waId, fromMe })),
        );
        const inserted = atOnce
          ? store.messages.addMany(messages).inserted
          : store.transaction(() => messages.filter((message) => store.messages.add(message).inserted).length);
        expect(inserted).toBe(events.length);
        expect(store.messages.count() - before).toBe(events.length);
        for (const { waId, fromMe, inChat } of events) {
          const rows = store.messages
            .recent(chats[inChat]!, 100)
            .filter((row) => row.waId === waId && row.fromMe === fromMe);
          expect(rows).toHaveLength(1);
        }
      }),
      { numRuns: 40 },
    );
    expect(store.messages.lastTimestamp(chat)).toBeNull();
  });

  test('many at once: all or nothing', () => {
    const { store, contact, chat } = scene();
    const good = [1, 2, 3].map((n) => admitted(draft(chat, contact, `m${n}`, { waId: `W${n}` })));
    expect(store.messages.addMany([...good, good[0]!])).toEqual({ inserted: 3, known: 1 });
    const broken = [admitted(draft(chat, contact, 'new')), admitted(draft(99, contact, 'no such chat'))];
    expect(() => store.messages.addMany(broken)).toThrow('FOREIGN KEY constraint failed');
    expect(() => store.messages.add(admitted(draft(chat, 99, 'no such person')))).toThrow(
      'person 99 is not in the store',
    );
    expect(store.messages.count()).toBe(3);
  });

  test('a transaction that throws leaves nothing behind', () => {
    const { store, contact, chat } = scene();
    const work = (): void => {
      put(store, draft(chat, contact, 'hello'));
      store.settings.set('a', 'b');
      throw new Error('stop');
    };
    expect(() => store.transaction(work)).toThrow('stop');
    expect(store.messages.count()).toBe(0);
    expect(store.settings.get('a')).toBeUndefined();
    expect(store.transaction(() => store.transaction(() => put(store, draft(chat, contact, 'hello'))))).toBe(1);
  });
});

describe('reading', () => {
  test('recent: the last ones, oldest first, by time and then by arrival', () => {
    const { store, contact, chat } = scene();
    const at = [30, 10, 20, 20, 40].map((timestampMs) =>
      put(store, draft(chat, contact, String(timestampMs), { timestampMs })),
    );
    const recent = (limit: number, upToRowId?: number): number[] =>
      store.messages
        .recent(chat, limit, upToRowId === undefined ? {} : { upToRowId })
        .map(({ rowId }) => at.indexOf(rowId));
    expect(recent(9)).toEqual([1, 2, 3, 0, 4]);
    expect(recent(2)).toEqual([0, 4]);
    expect(recent(9, at[3])).toEqual([1, 2, 3]);
    expect(recent(2, at[0])).toEqual([3, 0]);
    expect(recent(9, 999)).toEqual([1, 2, 3, 0, 4]);
  });

  test('a conversation says who is the persona, who the bot, and what is quoted', () => {
    const { store, owner, contact, chat } = scene();
    const a = put(store, draft(chat, contact, 'hi', { waId: 'A', timestampMs: 1 }));
    const b = put(store, draft(chat, owner, 'hey', { fromMe: true, timestampMs: 2, quotedWaId: 'A' }));
    const c = put(
      store,
      draft(chat, owner, 'beep', { fromMe: true, origin: 'bot', timestampMs: 3, quotedWaId: 'gone' }),
    );
    const d = put(
      store,
      draft(chat, contact, '', { kind: 'media', media: 'voice', timestampMs: 4, minutePrecision: true }),
    );
    const plain = { minutePrecision: false, media: null, quotedRowId: null };
    const expected = [
      { ...plain, rowId: a, personId: contact, isPersona: false, isBot: false, timestampMs: 1, text: 'hi' },
      {
        ...plain,
        rowId: b,
        personId: owner,
        isPersona: true,
        isBot: false,
        timestampMs: 2,
        text: 'hey',
        quotedRowId: a,
      },
      { ...plain, rowId: c, personId: owner, isPersona: false, isBot: true, timestampMs: 3, text: 'beep' },
      {
        ...plain,
        rowId: d,
        personId: contact,
        isPersona: false,
        isBot: false,
        timestampMs: 4,
        text: '',
        media: 'voice',
        minutePrecision: true,
      },
    ];
    expect(store.messages.conversations(owner)).toEqual([{ chatKey: '4911@c.us', messages: expected }]);
    expect(store.messages.toConversation(store.messages.recent(chat, 9), owner)).toEqual(expected);
    expect(store.messages.context([d, 999, a], owner).map(({ rowId }) => rowId)).toEqual([d, a]);
    expect(store.messages.conversations(contact)[0]!.messages.map(({ isPersona }) => isPersona)).toEqual([
      true,
      false,
      false,
      true,
    ]);
    expect(store.messages.countBy(owner)).toBe(1);
  });

  const visible = ({ store, chat, owner }: ReturnType<typeof scene>): number[][] => [
    store.messages.recent(chat, 9).map(({ rowId }) => rowId),
    store.messages.conversations(owner).flatMap(({ messages }) => messages.map(({ rowId }) => rowId)),
    store.messages.context([1, 2], owner).map(({ rowId }) => rowId),
  ];

  test.each(['withdrawn', 'declined', 'forgotten'] as const)(
    'a direct chat is sealed when either side has %s',
    (action) => {
      for (const side of ['owner', 'contact'] as const) {
        const set = scene();
        put(set.store, draft(set.chat, set.contact, 'hi'));
        put(set.store, draft(set.chat, set.owner, 'hey', { fromMe: true }));
        expect(visible(set)).toEqual([
          [1, 2],
          [1, 2],
          [1, 2],
        ]);
        say(set.store, set[side], action, 50);
        expect(visible(set)).toEqual([[], [], []]);
        expect(set.store.messages.count()).toBe(2); // the rows are kept
        say(set.store, set[side], 'attested', 60);
        expect(visible(set)).toEqual([[], [], []]);
        say(set.store, set[side], 'granted', 70);
        expect(visible(set)).toEqual([
          [1, 2],
          [1, 2],
          [1, 2],
        ]);
      }
    },
  );

  test('a member who has not written a word seals the chat too; one side alone is no chat of two', () => {
    const set = scene();
    put(set.store, draft(set.chat, set.owner, 'hey', { fromMe: true }));
    expect(set.store.messages.recent(set.chat, 9)).toHaveLength(1);
    say(set.store, set.contact, 'withdrawn', 5);
    expect(set.store.messages.recent(set.chat, 9)).toEqual([]);
    const alone = directChat(set.store, 'alone@c.us', set.owner);
    put(set.store, draft(alone, set.owner, 'hey', { fromMe: true }));
    expect(set.store.messages.recent(alone, 9)).toEqual([]);
  });

  test('attested people are open, asked and unknown ones are not', () => {
    const set = scene();
    const chat = set.store.chats.resolve('import:1', 'direct');
    const name = set.store.people.resolve(['name:import:1:Ada']);
    for (const person of [set.owner, name]) put(set.store, draft(chat, person, 'x', { origin: 'import' }));
    expect(set.store.messages.recent(chat, 9)).toEqual([]);
    say(set.store, name, 'asked', 1);
    expect(set.store.messages.recent(chat, 9)).toEqual([]);
    say(set.store, name, 'attested', 2);
    expect(set.store.messages.recent(chat, 9)).toHaveLength(2);
  });

  test('in a group each person is sealed alone', () => {
    const { store, owner, contact } = scene();
    const group = store.chats.resolve('1@g.us', 'group');
    const third = store.people.resolve(['3@c.us']);
    for (const [index, person] of [owner, contact, third].entries())
      put(store, draft(group, person, `by ${index}`, { timestampMs: index }));
    const texts = (): string[] => store.messages.recent(group, 9).map(({ text }) => text);
    expect(texts()).toEqual(['by 0', 'by 1']);
    say(store, contact, 'withdrawn', 5);
    say(store, third, 'granted', 5);
    expect(texts()).toEqual(['by 0', 'by 2']);
  });
});

describe('edits and erasure', () => {
  test('an edit replaces text and phrases, and notes the time only', () => {
    const dir = freshDir();
    const { store, contact, chat } = scene({ dir, now: () => 77 });
    put(store, draft(chat, contact, 'one two three four five six', { waId: 'A' }));
    expect(store.messages.edit(chat, 'A', 'call @4915112345678 two three four five six seven')).toBe(true);
    expect(store.messages.edit(chat, 'A', 'call @4915112345678 two three four five six seven')).toBe(true);
    expect(store.messages.find(chat, 'A')).toMatchObject({
      text: 'call @ two three four five six seven',
      editedAtMs: 77,
    });
    const count = (text: string): number[] => store.phrases.chatsWith(phraseHashes(text).sixes, 0);
    expect(count('one two three four five six')).toEqual([0]);
    expect(count('two three four five six seven')).toEqual([1]);
    expect(store.messages.edit(chat, 'B', 'x')).toBe(false);
    const db = openSqlite(join(dir, 'persona.sqlite'), { readonly: true });
    onTestFinished(() => {
      db.close();
    });
    expect(db.prepare('SELECT * FROM edits').all()).toEqual([{ id: 1, message_id: 1, at_ms: 77 }]);
  });

  test('an edit by someone who withdrew erases the row: neither text may be kept', () => {
    const { store, contact, chat } = scene();
    put(store, draft(chat, contact, 'before', { waId: 'A' }));
    say(store, contact, 'withdrawn', 5);
    expect(store.messages.edit(chat, 'A', 'after')).toBe(true);
    expect(store.messages.find(chat, 'A')).toBeUndefined();
  });

  test('erasing takes phrases, reactions, edits and the reply record of a bot message with it', () => {
    const dir = freshDir();
    const { store, owner, contact, chat } = scene({ dir });
    put(store, draft(chat, contact, 'one two three four five six', { waId: 'A' }));
    put(store, draft(chat, contact, 'short one', { waId: 'S' }));
    put(store, draft(chat, owner, 'beep beep', { waId: 'B', fromMe: true, origin: 'bot' }));
    put(store, draft(chat, owner, 'boop', { waId: 'C', fromMe: true, origin: 'bot' }));
    store.reactions.set(chat, 'A', contact, '👍', 1);
    store.messages.edit(chat, 'A', 'one two three four five six seven');
    const outboxId = store.outbox.begin({ chatId: chat, kind: 'reply', inReplyTo: 'A', textHash: 'h' });
    store.outbox.sent(outboxId, 'B');
    const reply = {
      chatId: chat,
      inReplyTo: 'A',
      runId: 'r',
      backend: 'cpu',
      seed: 1,
      sampling: { temperature: 1, topK: 0, topP: 1, repetitionPenalty: 1 },
      promptRowIds: [1],
      promptHash: 'p',
      latencyMs: 1,
      outboxId,
    } as const;
    store.replies.add({ ...reply, promptRowIds: [1], bubbles: ['beep beep', 'more'] });
    store.replies.add({
      ...reply,
      promptRowIds: [1],
      bubbles: ['x', 'boop'],
      outboxId: store.outbox.begin({ chatId: chat, kind: 'reply', inReplyTo: null, textHash: 'h' }),
    });
    expect(store.messages.erase(chat, 'A')).toBe(true);
    expect(store.messages.erase(chat, 'A')).toBe(false);
    expect(store.replies.list(9)).toHaveLength(2); // what the bot said is its own message
    expect(store.messages.erase(chat, 'B')).toBe(true);
    expect(store.replies.list(9).map(({ bubbles }) => bubbles)).toEqual([['x', 'boop']]);
    store.messages.erase(chat, 'C');
    store.messages.erase(chat, 'S');
    const db = openSqlite(join(dir, 'persona.sqlite'), { readonly: true });
    onTestFinished(() => {
      db.close();
    });
    for (const table of ['messages', 'phrases', 'short_messages', 'reactions', 'edits', 'replies']) {
      expect(db.prepare(`SELECT COUNT(*) AS n FROM ${table}`).get(), table).toEqual({ n: 0 });
    }
  });

  test('forgetting a person: their rows everywhere, the bot in direct chats with them, nobody else', () => {
    const { store, owner, contact, chat } = scene();
    const other = store.people.resolve(['5@c.us']);
    say(store, other, 'granted');
    const group = store.chats.resolve('1@g.us', 'group');
    store.people.setName(contact, 'Ada');
    put(store, draft(chat, contact, 'a', { waId: 'A' }));
    put(store, draft(chat, owner, 'b', { waId: 'B', fromMe: true }));
    put(store, draft(chat, owner, 'c', { waId: 'C', fromMe: true, origin: 'bot' }));
    put(store, draft(group, contact, 'd', { waId: 'D' }));
    put(store, draft(group, other, 'e', { waId: 'E' }));
    put(store, draft(group, owner, 'f', { waId: 'F', fromMe: true, origin: 'bot' }));
    for (const [chatId, waId, personId] of [
      [group, 'E', contact],
      [group, 'D', other],
      [group, 'E', other],
    ] as const)
      store.reactions.set(chatId, waId, personId, '👍', 1);
    for (const [chatId, inReplyTo] of [
      [chat, 'A'],
      [group, 'D'],
      [group, 'E'],
    ] as const) {
      const outboxId = store.outbox.begin({ chatId, kind: 'reply', inReplyTo, textHash: 'h' });
      store.replies.add({
        chatId,
        inReplyTo,
        runId: 'r',
        backend: 'cpu',
        seed: 1,
        sampling: { temperature: 1, topK: 0, topP: 1, repetitionPenalty: 1 },
        promptRowIds: [],
        promptHash: '',
        bubbles: ['x'],
        latencyMs: 1,
        outboxId,
      });
    }
    expect(store.forget(contact)).toBe(2);
    expect(store.messages.recent(group, 9).map(({ text }) => text)).toEqual(['e', 'f']);
    expect(store.messages.find(chat, 'B')?.text).toBe('b');
    expect(store.messages.find(chat, 'C')).toBeUndefined();
    expect(store.replies.list(9).map(({ inReplyTo }) => inReplyTo)).toEqual(['E']);
    expect(store.outbox.answered(chat, 'A')).toBe(false);
    expect(store.people.list().find(({ id }) => id === contact)).toEqual({
      id: contact,
      name: '',
      aliases: ['4911@c.us'],
      messages: 0,
    });
    expect(store.consent.history(contact)).toHaveLength(1);
    expect(store.forget(contact)).toBe(0);
  });
});

describe('deleted bytes', () => {
  const canary = 'CANARYmellon7731';
  function filesWith(dir: string, text: string): string[] {
    return readdirSync(dir, { recursive: true })
      .map((name) => join(dir, String(name)))
      .filter((path) => statSync(path).isFile() && readFileSync(path).includes(text));
  }

  test.each(['erase', 'edit', 'forget', 'erase in a transaction'] as const)(
    '%s leaves no byte of the text in any file',
    (how) => {
      const dir = freshDir();
      const { store, owner, contact, chat } = scene({ dir });
      const ids: string[] = [];
      for (let n = 0; n < 200; n++) {
        const isCanary = n % 7 === 0;
        const text = `${isCanary ? canary : `word${n}`} lorem ipsum ${'q'.repeat((n * 37) % 900)} end`;
        put(store, draft(chat, n % 2 === 0 && !isCanary ? owner : contact, text, { waId: `W${n}`, timestampMs: n }));
        if (isCanary) ids.push(`W${n}`);
      }
      expect(filesWith(dir, canary)).not.toEqual([]); // the search does find it
      const eraseAll = (): void => ids.forEach((waId) => expect(store.messages.erase(chat, waId)).toBe(true));
      if (how === 'erase') eraseAll();
      else if (how === 'edit') ids.forEach((waId) => store.messages.edit(chat, waId, 'something else'));
      else if (how === 'forget') expect(store.forget(contact)).toBeGreaterThan(ids.length);
      else store.transaction(eraseAll);
      expect(filesWith(dir, canary)).toEqual([]);
      store.close();
      expect(filesWith(dir, canary)).toEqual([]);
    },
  );

  test('beside a reader the bytes go as soon as it is done', () => {
    const dir = freshDir();
    const { store, contact, chat } = scene({ dir });
    put(store, draft(chat, contact, canary, { waId: 'A' }));
    const reader = openSqlite(join(dir, 'persona.sqlite'), { readonly: true });
    onTestFinished(() => {
      reader.close();
    });
    reader.exec('BEGIN');
    reader.prepare('SELECT COUNT(*) FROM messages').get();
    expect(store.messages.erase(chat, 'A')).toBe(true);
    expect(store.scrub()).toBe(false);
    reader.exec('COMMIT');
    expect(store.scrub()).toBe(true);
    expect(filesWith(dir, canary)).toEqual([]);
  });
});

test('reactions: one a person, only on stored messages and from people who agreed', () => {
  const dir = freshDir();
  const { store, owner, contact, chat } = scene({ dir });
  const stranger = store.people.resolve(['8@c.us']);
  put(store, draft(chat, contact, 'hi', { waId: 'A' }));
  store.reactions.set(chat, 'A', owner, '👍', 1);
  store.reactions.set(chat, 'A', owner, '❤️', 2);
  store.reactions.set(chat, 'A', contact, '😂', 3);
  store.reactions.set(chat, 'A', contact, '', 4);
  store.reactions.set(chat, 'A', stranger, '👀', 5);
  store.reactions.set(chat, 'unknown', owner, '👍', 6);
  const db = openSqlite(join(dir, 'persona.sqlite'), { readonly: true });
  onTestFinished(() => {
    db.close();
  });
  expect(db.prepare('SELECT * FROM reactions').all()).toEqual([
    { chat_id: chat, message_wa_id: 'A', person_id: owner, emoji: '❤️', at_ms: 2 },
  ]);
});

test('closing twice is fine', () => {
  const store = freshStore();
  store.close();
  store.close();
});
