/** People, their aliases and mergers; the ledger; chats. Run: npx vitest run test/store/people.test.ts */
import { join } from 'node:path';
import { openSqlite } from '../../src/store/database.ts';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { ConsentAction } from '../../src/types.ts';
import { directChat, draft, freshDir, freshStore, put, say, scene } from './support.ts';

describe('people', () => {
  test('one person under all their ids', () => {
    const { people } = freshStore();
    const id = people.resolve(['1@c.us']);
    expect(people.resolve(['1@c.us', '1@lid'])).toBe(id);
    expect(people.resolve(['1@lid'])).toBe(id);
    expect(people.find('1@lid')).toBe(id);
    expect(people.find('2@lid')).toBeUndefined();
    expect(people.aliases(id)).toEqual(['1@c.us', '1@lid']);
    expect(people.resolve(['2@c.us'])).not.toBe(id);
  });

  test('names and counts: texts of a person, the bot left out', () => {
    const { store, owner, contact, chat } = scene();
    store.people.setName(contact, 'Ada');
    put(store, draft(chat, contact, 'one'));
    put(store, draft(chat, contact, 'a caption', { kind: 'media', media: 'image' }));
    put(store, draft(chat, owner, 'by the bot', { fromMe: true, origin: 'bot' }));
    expect(store.people.list()).toEqual([
      { id: owner, name: '', aliases: ['4900@c.us', 'me'], messages: 0 },
      { id: contact, name: 'Ada', aliases: ['4911@c.us'], messages: 1 },
    ]);
  });

  test('no ids, an empty id and unknown people are refused', () => {
    const { people } = freshStore();
    expect(() => people.resolve([])).toThrow('a person needs at least one id, and none empty');
    expect(() => people.resolve(['1@c.us', ''])).toThrow('a person needs at least one id, and none empty');
    expect(() => people.setName(7, 'x')).toThrow('person 7 is not in the store');
    expect(people.list()).toEqual([]);
  });

  test('two who turn out to be one: rows move, ledger lines stay, old ids work', () => {
    const { store, owner, contact, chat } = scene();
    const lid = store.people.resolve(['77@lid']);
    store.people.setName(lid, 'Ada');
    say(store, lid, 'asked', 5);
    store.chats.addMember(chat, lid);
    const row = put(store, draft(chat, lid, 'from the lid'));

    expect(store.people.resolve(['4911@c.us', '77@lid'])).toBe(contact);
    expect(store.people.list().map(({ id, name }) => [id, name])).toEqual([
      [owner, ''],
      [contact, 'Ada'],
    ]);
    expect(store.people.aliases(lid)).toEqual(['4911@c.us', '77@lid']);
    expect(store.people.find('77@lid')).toBe(contact);
    expect(store.chats.members(chat)).toEqual([owner, contact]);
    expect(store.messages.countBy(contact)).toBe(1);
    expect(store.messages.recent(chat, 9).map(({ rowId, personId }) => [rowId, personId])).toEqual([[row, contact]]);
    expect(store.consent.history(contact).map(({ action }) => action)).toEqual(['granted', 'asked']);
    expect(store.consent.history(lid)).toEqual(store.consent.history(contact));
    say(store, lid, 'withdrawn', 9); // said under the old number
    expect(store.consent.state(contact, 'log')).toEqual({ state: 'withdrawn', sinceMs: 9, attested: false });
  });

  test('three merge into one, in two steps', () => {
    const { people, consent } = freshStore();
    const [a, b, c] = [people.resolve(['a']), people.resolve(['b']), people.resolve(['c'])];
    expect(people.resolve(['b', 'c'])).toBe(b);
    expect(people.resolve(['c', 'a'])).toBe(a);
    expect(people.list()).toEqual([{ id: a, name: '', aliases: ['a', 'b', 'c'], messages: 0 }]);
    consent.append({ personId: c, scope: 'log', action: 'asked', atMs: 1, noticeHash: 'h', chatId: null });
    expect(consent.state(b, 'log').state).toBe('asked');
  });

  test.each<[ConsentAction[], ConsentAction[], string]>([
    [['granted'], ['withdrawn'], 'withdrawn'],
    [['withdrawn'], ['granted'], 'withdrawn'],
    [['declined'], ['granted'], 'declined'],
    [['granted'], ['asked', 'declined'], 'declined'],
    [['forgotten'], ['attested'], 'withdrawn'],
    [['granted', 'withdrawn'], ['declined', 'granted'], 'withdrawn'],
    [['granted'], ['asked'], 'granted'],
    [['asked'], ['granted'], 'granted'],
    [['granted'], [], 'granted'],
    [['declined'], ['withdrawn'], 'withdrawn'],
  ])('a merger of %j and %j is %s: a refusal wins', (first, second, expected) => {
    const store = freshStore({ now: () => 42 });
    const [a, b] = [store.people.resolve(['a']), store.people.resolve(['b'])];
    for (const action of first) say(store, a, action, 1);
    for (const action of second) say(store, b, action, 2);
    store.people.resolve(['a', 'b']);
    expect(store.consent.state(a, 'log').state).toBe(expected);
    expect(store.consent.state(a, 'imitate').state).toBe('unknown');
  });
});

describe('the ledger', () => {
  test('history as appended; state and rows', () => {
    const { people, chats, consent } = freshStore();
    const id = people.resolve(['1@c.us']);
    expect(consent.hasRows(id)).toBe(false);
    const chatId = chats.resolve('1@c.us', 'direct');
    const event = { personId: id, scope: 'imitate', action: 'granted', atMs: 7, noticeHash: 'abc', chatId } as const;
    consent.append(event);
    expect(consent.history(id)).toEqual([event]);
    expect(consent.hasRows(id)).toBe(true);
    expect(consent.state(id, 'imitate')).toEqual({ state: 'granted', sinceMs: 7, attested: false });
    expect(consent.state(id, 'log').state).toBe('unknown');
    expect(() => consent.state(99, 'log')).toThrow('person 99 is not in the store');
    expect(() => consent.append({ ...event, chatId: 99 })).toThrow('FOREIGN KEY constraint failed');
  });

  test('messages alone are rows too', () => {
    const { store, chat } = scene();
    const stranger = store.people.resolve(['9@c.us']);
    expect(store.consent.hasRows(stranger)).toBe(false);
    put(store, draft(chat, stranger, 'hi'));
    expect(store.consent.hasRows(stranger)).toBe(true);
  });

  test('no line is ever changed, replaced or deleted, from any program', () => {
    const dir = freshDir();
    const { store, contact } = scene({ dir });
    const db = openSqlite(join(dir, 'persona.sqlite'));
    onTestFinished(() => {
      db.close();
    });
    const columns = '(id, person_id, scope, action, at_ms, notice_hash)';
    const refused = (sql: string): void =>
      expect(() => db.exec(sql)).toThrow(/the consent ledger is append-only: [A-Z]+ refused/);
    refused(`UPDATE consent_events SET action = 'granted'`);
    refused('DELETE FROM consent_events');
    refused(`REPLACE INTO consent_events ${columns} VALUES (1, ${contact}, 'log', 'granted', 0, '')`);
    refused(`INSERT OR REPLACE INTO consent_events ${columns} VALUES (2, ${contact}, 'log', 'granted', 0, '')`);
    db.pragma('foreign_keys = ON');
    expect(() => db.exec('DELETE FROM people')).toThrow('FOREIGN KEY constraint failed');
    expect(store.consent.history(contact)).toHaveLength(1);
    expect(() =>
      db.exec(`INSERT INTO consent_events ${columns} VALUES (NULL, ${contact}, 'log', 'maybe', 0, '')`),
    ).toThrow('CHECK constraint failed');
  });
});

describe('chats', () => {
  test('made once, off by default', () => {
    const { chats } = freshStore();
    const id = chats.resolve('1@g.us', 'group');
    expect(chats.resolve('1@g.us', 'group')).toBe(id);
    expect(chats.find('1@g.us')).toBe(id);
    expect(chats.find('2@g.us')).toBeUndefined();
    const off = {
      id,
      key: '1@g.us',
      kind: 'group',
      collect: false,
      bot: false,
      collectSinceMs: null,
      disclosedAtMs: null,
    };
    expect(chats.get(id)).toEqual(off);
    expect(chats.list()).toEqual([off]);
    expect(() => chats.get(9)).toThrow('chat 9 is not in the store');
    expect(() => chats.set(9, { bot: true })).toThrow('chat 9 is not in the store');
    expect(() => chats.resolve('', 'group')).toThrow('a chat needs a key');
  });

  test('collection counts from the moment it is switched on, and again after off', () => {
    let now = 100;
    const { chats } = freshStore({ now: () => now });
    const id = chats.resolve('1@c.us', 'direct');
    chats.set(id, { collect: true });
    now = 200;
    chats.set(id, { collect: true, bot: true, disclosedAtMs: 5 });
    expect(chats.get(id)).toMatchObject({ collect: true, collectSinceMs: 100, bot: true, disclosedAtMs: 5 });
    chats.set(id, { collect: false });
    expect(chats.get(id)).toMatchObject({ collect: false, collectSinceMs: null, bot: true });
    chats.set(id, { collect: true, bot: false });
    expect(chats.get(id)).toMatchObject({ collect: true, collectSinceMs: 200, bot: false });
  });

  test('members, each once', () => {
    const { store, owner, contact, chat } = scene();
    store.chats.addMember(chat, contact);
    expect(store.chats.members(chat)).toEqual([owner, contact]);
    expect(store.chats.members(directChat(store, 'x'))).toEqual([]);
  });
});
