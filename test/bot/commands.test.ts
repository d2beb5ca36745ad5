/** What each command does when the right person types it in the right place, and what is said back. */
import { existsSync, writeFileSync } from 'node:fs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { consentNotice, phrases } from '../../src/consent/notice.ts';
import { ballastFile } from '../../src/store/ballast.ts';
import { onDisk } from './full-disk.ts';
import { account, anna, ben, createWorld, ownerNumber } from './world.ts';
import type { World, WorldOptions } from './world.ts';

let world: World;
const start = (options: WorldOptions = {}): World => (world = createWorld(options));
afterEach(() => world.close());

const say = () => phrases(world.settings.noticesDir, 'en');
const notice = () => consentNotice(world.settings.noticesDir, 'en', { persona: 'Juno' });
const self = { c: account.c };

describe('!collect on', () => {
  it('switches collection on, asks once, and notes the question with its hash', async () => {
    start();
    await world.type(anna, '!collect on');
    expect(world.takeSent()).toEqual([notice().text, say().collectOn]);
    expect(world.chat(anna)).toMatchObject({ collect: true, bot: false, kind: 'direct' });
    const ledger = world.store.consent.history(world.person(anna));
    expect(ledger).toMatchObject([{ scope: 'log', action: 'asked', noticeHash: notice().hash }]);
    await world.type(anna, '!collect on');
    expect(world.takeSent()).toEqual([`${say().collectOn} ${say().alreadyAsked}`]);
    expect(world.store.consent.history(world.person(anna))).toHaveLength(1);
  });

  it('asks again when the notice has changed since', async () => {
    start();
    await world.type(anna, '!collect on');
    world.takeSent();
    world.settings.personaName = 'Juno the Second';
    await world.restart();
    await world.type(anna, '!collect on');
    expect(world.takeSent()[0]).toContain('Juno the Second');
    expect(world.store.consent.history(world.person(anna))).toHaveLength(2);
  });

  it.each(['!consent no', '!stop'])('does not ask a person again who said %s', async (refusal) => {
    start();
    await world.agree(anna);
    await world.hear(anna, refusal);
    world.takeSent();
    await world.type(anna, '!collect on');
    expect(world.takeSent()).toEqual([say().collectOn]);
  });

  it('asks on the next try when the question did not leave', async () => {
    start();
    world.phone.failures = [new Error('not connected')];
    await world.type(anna, '!collect on');
    expect(world.takeSent()).toEqual([say().collectOn]);
    expect(world.state(anna)).toBe('unknown');
    await world.type(anna, '!collect on');
    expect(world.takeSent()).toEqual([notice().text, say().collectOn]);
  });

  it('in the self-chat says where it works', async () => {
    start();
    await world.type(self, '!collect on', { chatKind: 'self' });
    expect(world.takeSent()).toEqual([say().notHere]);
  });

  it('from an owner number asks nothing: the owner agreed in init', async () => {
    start({ settings: { ownerNumbers: [ownerNumber.digits] } });
    await world.hear(ownerNumber, '!collect on');
    expect(world.takeSent()).toEqual([say().collectOn]);
    expect(world.state(ownerNumber)).toBe('granted');
    await world.hear(ownerNumber, 'remember this');
    expect(world.rows()).toEqual(['remember this']);
  });

  it('for another voice works only in the chat with that person', async () => {
    start({ settings: { speaker: 'Ben' } });
    world.store.people.resolve(['speaker:Ben', ben.c]);
    await world.type(anna, '!collect on');
    expect(world.takeSent()).toEqual(['The person whose voice this is has not agreed to it in this chat.']);
    expect(world.chat(anna).collect).toBe(false);
    await world.type(ben, '!collect on');
    expect(world.chat(ben).collect).toBe(true);
  });
});

describe('!collect off', () => {
  it('stores nothing more, of either side', async () => {
    start();
    await world.agree(anna);
    await world.hear(anna, 'before');
    await world.type(anna, '!collect off');
    expect(world.takeSent()).toEqual([say().collectOff]);
    await world.hear(anna, 'after');
    await world.type(anna, 'after too');
    expect(world.rows()).toEqual(['before']);
  });
});

describe('!consent', () => {
  it('yes is written down with the hash of what was shown, and acknowledged once', async () => {
    start();
    await world.type(anna, '!collect on');
    world.takeSent();
    const yes = await world.hear(anna, '!consent yes');
    expect(world.takeSent()).toEqual([say().granted]);
    expect(world.store.consent.history(world.person(anna)).at(-1)).toMatchObject({
      action: 'granted',
      noticeHash: notice().hash,
      atMs: yes.timestampMs,
      chatId: world.chat(anna).id,
    });
    await world.hear(anna, '!consent yes');
    expect(world.takeSent()).toEqual([]);
  });

  it('yes before anything was shown is answered with the question', async () => {
    start();
    world.phone.failures = [new Error('not connected')];
    await world.type(anna, '!collect on');
    world.takeSent();
    await world.hear(anna, '!consent yes');
    expect(world.takeSent()).toEqual([notice().text]);
    expect(world.state(anna)).toBe('asked');
  });

  it('yes where only replies are on is nothing: nobody asked', async () => {
    start();
    await world.type(anna, '!bot on');
    world.takeSent();
    await world.hear(anna, '!consent yes');
    expect(world.takeSent()).toEqual([]);
    expect(world.state(anna)).toBe('unknown');
  });

  it('yes that is delivered after a later refusal does not undo it', async () => {
    start();
    await world.agree(anna);
    const late = world.inbound(anna, '!consent yes');
    world.clock.nowMs += 1000;
    await world.hear(anna, '!stop');
    await world.deliver(late);
    expect(world.state(anna)).toBe('withdrawn');
  });

  it('yes after a refusal counts from then on', async () => {
    start();
    await world.agree(anna);
    await world.hear(anna, 'one');
    await world.hear(anna, '!stop');
    await world.hear(anna, 'two');
    await world.hear(anna, '!consent yes');
    await world.hear(anna, 'three');
    expect(world.rows()).toEqual(['one', 'three']);
  });

  it('no is written down and acknowledged once', async () => {
    start();
    await world.type(anna, '!collect on');
    world.takeSent();
    await world.hear(anna, '!consent no');
    await world.hear(anna, '!consent no');
    expect(world.takeSent()).toEqual([say().declined]);
    expect(world.state(anna)).toBe('declined');
  });

  it('no from somebody who had agreed says what becomes of the stored messages', async () => {
    start();
    await world.agree(anna);
    await world.hear(anna, '!consent no');
    expect(world.takeSent()).toEqual([say().withdrawn]);
    expect(world.state(anna)).toBe('declined');
  });

  it('is accepted as phones write it', async () => {
    start();
    await world.type(anna, '!collect on');
    await world.hear(anna, ' !Consent  Yes\n');
    expect(world.state(anna)).toBe('granted');
  });
});

describe('!stop', () => {
  it('ends storing and replies, and is acknowledged once', async () => {
    start();
    await world.open(anna);
    await world.hear(anna, 'one');
    await world.settle();
    world.takeSent();
    await world.hear(anna, '!stop');
    await world.hear(anna, '!stop');
    expect(world.takeSent()).toEqual([say().withdrawn]);
    await world.hear(anna, 'two');
    await world.type(anna, 'three');
    await world.settle();
    expect(world.takeSent()).toEqual([]);
    expect(world.state(anna)).toBe('withdrawn');
    expect(world.store.messages.find(world.chat(anna).id, 'none')).toBeUndefined();
    expect(world.rows()).toEqual([]); // sealed
  });

  it('is obeyed at any age, from catch-up, and where nothing is on any more', async () => {
    start();
    await world.agree(anna);
    await world.type(anna, '!collect off');
    world.takeSent();
    await world.hear(anna, '!stop', { isCatchUp: true, timestampMs: world.clock.nowMs });
    expect(world.state(anna)).toBe('withdrawn');
    expect(world.takeSent()).toEqual([say().withdrawn]);
  });

  it('of a day ago counts, if it was said after the agreement', async () => {
    start();
    await world.agree(anna);
    const { timestampMs } = await world.hear(anna, 'hi');
    await world.clock.advance(86_400_000);
    await world.hear(anna, '!stop', { isCatchUp: true, timestampMs });
    expect(world.state(anna)).toBe('withdrawn');
  });

  it('found late, and said before the person agreed anew, was overtaken', async () => {
    start();
    await world.agree(anna);
    const stop = world.inbound(anna, '!stop', { isCatchUp: true });
    await world.hear(anna, '!consent no');
    await world.hear(anna, '!consent yes');
    await world.deliver(stop);
    expect(world.state(anna)).toBe('granted');
  });

  it('works while the disk takes nothing, and is written down when it does again', async () => {
    start();
    await world.open(anna);
    const append = vi.spyOn(world.store.consent, 'append').mockImplementation(() => {
      throw Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' });
    });
    await world.hear(anna, '!stop');
    await world.hear(anna, 'private now');
    await world.settle();
    expect(world.spoken).toHaveLength(0);
    expect(world.rows()).toEqual([]);
    append.mockRestore();
    await world.hear(anna, 'still private');
    expect(world.state(anna)).toBe('withdrawn');
  });

  it('typed by the owner ends both in that chat, and leaves the consents alone', async () => {
    start();
    await world.open(anna);
    await world.open(ben);
    await world.type(anna, '!stop');
    expect(world.takeSent()).toEqual([`${say().collectOff} ${say().botOff}`]);
    expect(world.chat(anna)).toMatchObject({ collect: false, bot: false });
    expect(world.chat(ben)).toMatchObject({ collect: true, bot: true });
    expect(world.state(anna)).toBe('granted');
  });

  it.each(['stop', 'Stop.', 'STOP!!', '！stop', '!Stop.'])('%j is asked back once', async (text) => {
    start();
    await world.open(anna);
    await world.hear(anna, text);
    await world.settle();
    expect(world.takeSent()).toEqual(['Stop storing messages and replies? To confirm, write: !stop']);
    expect(world.state(anna)).toBe('granted');
    world.says(() => ['ok']);
    await world.hear(anna, text);
    await world.settle();
    expect(world.takeSent().join()).not.toContain('To confirm');
  });

  it.each([{ isForwarded: true }, { quotedId: 'true_x_1' }])(
    '%j is not obeyed, and not passed over',
    async (fields) => {
      start();
      await world.agree(anna);
      await world.hear(anna, '!stop', fields);
      expect(world.takeSent()).toEqual(['Stop storing messages and replies? To confirm, write: !stop']);
      expect(world.state(anna)).toBe('granted');
    },
  );

  it('"stop" from somebody who never agreed is nothing', async () => {
    start();
    await world.type(anna, '!collect on');
    world.takeSent();
    await world.hear(anna, 'stop');
    expect(world.takeSent()).toEqual([]);
  });
});

describe('!help and !status', () => {
  it('help lists what the asker may use', async () => {
    start();
    await world.agree(anna);
    await world.hear(anna, '!help');
    const [forAnna = ''] = world.takeSent();
    expect(forAnna.split('\n')[0]).toBe(say().help);
    const namesIn = (text: string): string[] => text.split('\n').flatMap((line) => /^![a-z ]*[a-z]/.exec(line) ?? []);
    const forAll = [
      '!consent yes',
      '!consent no',
      '!consent imitate',
      '!stop',
      '!forget',
      '!mydata',
      '!status',
      '!why',
    ];
    expect(namesIn(forAnna)).toEqual([...forAll, '!help']);
    await world.type(anna, '!help');
    const [forOwner = ''] = world.takeSent();
    expect(namesIn(forOwner)).toEqual([
      ...forAll,
      '!help',
      '!collect on',
      '!collect off',
      '!bot on',
      '!bot off',
      '!bot off all',
      '!again',
      '!no',
      '!quiet',
      '!temp',
      '!retrain',
      '!models',
      '!use',
      '!rollback',
      '!quiz',
    ]);
    expect(forOwner).toContain(`!quiet 22:00-08:00 | off: ${say()['help !quiet']}`);
  });

  it('status says what is on, and that the replies are an imitation', async () => {
    start();
    await world.open(anna);
    await world.hear(anna, 'one');
    await world.settle();
    world.takeSent();
    await world.hear(anna, '!status');
    expect(world.takeSent()).toEqual([
      'Collection: on. Automated replies: on. Stored messages: 1. Voice: ready. The replies are an automated imitation, trained on chats whose members agreed.',
    ]);
    await world.type(self, '!status', { chatKind: 'self' });
    expect(world.takeSent()[0]).toContain('Collection: off. Automated replies: off. Stored messages: 302.');
  });

  it('status speaks the language of the other sentences', async () => {
    start({ settings: { language: 'de' } });
    await world.open(anna);
    await world.type(anna, '!status');
    expect(world.takeSent()[0]).toMatch(/^Sammeln: an\. Automatische Antworten: an\. .* Stimme: bereit\./);
    await world.type(anna, '!collect off');
    await world.type(anna, '!bot off');
    world.takeSent();
    await world.type(anna, '!status');
    expect(world.takeSent()[0]).toMatch(/^Sammeln: aus\. Automatische Antworten: aus\. /);
  });

  it('where nothing is on, others get silence', async () => {
    start();
    for (const text of ['!help', '!status', '!consent yes', '!consent no', '!stop']) await world.hear(anna, text);
    await world.agree(ben);
    await world.type(ben, '!collect off');
    world.takeSent();
    for (const text of ['!help', '!status', '!consent yes']) await world.hear(ben, text);
    expect(world.takeSent()).toEqual([]);
    expect(world.store.chats.find(anna.c)).toBeUndefined();
  });

  it('others cannot make the bot talk without end', async () => {
    start();
    await world.agree(anna);
    for (let i = 0; i < 30; i++) await world.hear(anna, '!help');
    expect(world.takeSent()).toHaveLength(5); // the answer to !consent yes was the sixth
  });

  it('is obeyed under the hidden id of the same person, and of the same chat', async () => {
    start();
    await world.agree(anna);
    await world.hear({ c: anna.lid }, '!status');
    expect(world.sent).toMatchObject([{ chatId: anna.lid }]);
    await world.hear({ c: anna.lid }, 'hello');
    expect(world.rows()).toEqual(['hello']);
    expect(world.store.chats.find(anna.lid)).toBeUndefined();
  });
});

describe('!bot', () => {
  it('on below 300 persona messages says how many there are, and stays off', async () => {
    start({ voice: 299 });
    await world.agree(anna);
    await world.type(anna, '!bot on');
    expect(world.takeSent()).toEqual([say().noVoice.replace('{n}', '299')]);
    expect(world.chat(anna).bot).toBe(false);
    await world.type(anna, 'one more of my own');
    await world.type(anna, '!bot on');
    expect(world.takeSent()).toEqual([say().botOn]);
    expect(world.chat(anna).bot).toBe(true);
  });

  it('on without a run of one’s own says so, and stays off', async () => {
    start({ hasRun: false });
    await world.type(anna, '!bot on');
    expect(world.takeSent()).toEqual([say().noVoice.replace('{n}', '300')]);
    expect(world.chat(anna).bot).toBe(false);
  });

  it('off silences this chat', async () => {
    start();
    await world.open(anna);
    await world.type(anna, '!bot off');
    expect(world.takeSent()).toEqual([say().botOff]);
    await world.hear(anna, 'anyone there?');
    await world.settle();
    expect(world.takeSent()).toEqual([]);
  });

  it('off all silences every chat; on brings back that chat alone', async () => {
    start();
    await world.open(anna);
    await world.open(ben);
    await world.type(self, '!bot off all', { chatKind: 'self' });
    expect(world.takeSent()).toEqual([say().botOffAll]);
    await world.hear(anna, 'anyone?');
    await world.hear(ben, 'anyone?');
    await world.settle();
    expect(world.takeSent()).toEqual([]);
    await world.type(anna, '!bot on');
    world.takeSent();
    await world.hear(anna, 'anyone now?');
    await world.hear(ben, 'anyone now?');
    await world.settle();
    expect(world.sent.map(({ chatId }) => chatId)).toEqual([anna.c]);
  });

  it('off all holds after a restart', async () => {
    start();
    await world.open(anna);
    await world.type(anna, '!bot off all');
    await world.restart();
    world.takeSent();
    await world.hear(anna, 'anyone?');
    await world.settle();
    expect(world.takeSent()).toEqual([]);
  });

  it('off on a full disk is written where the ballast lay, and said', async () => {
    start();
    await world.open(anna);
    const ballast = ballastFile(world.dir);
    writeFileSync(ballast, 'x', { mode: 0o600 });
    onDisk(world.store, {
      get writesLeft() {
        return existsSync(ballast) ? 0 : Number.POSITIVE_INFINITY;
      },
      set writesLeft(_left) {
        // as many as the disk says
      },
    });
    await world.type(anna, '!bot off');
    expect(world.takeSent()).toEqual([say().botOff]);
    expect(world.chat(anna).bot).toBe(false);
    expect(existsSync(ballast)).toBe(false);
  });

  it.each([
    ['!bot off', anna, 'direct'],
    ['!bot off all', self, 'self'],
    ['!stop', anna, 'direct'],
  ] as const)('%s counts while the disk takes nothing, and is written when it does', async (line, where, chatKind) => {
    start();
    await world.open(anna);
    const disk = { writesLeft: 0 };
    onDisk(world.store, disk);
    const off = await world.type(where, line, { chatKind });
    disk.writesLeft = Number.POSITIVE_INFINITY;
    expect(world.chat(anna)).toMatchObject({ collect: true, bot: true }); // not written yet
    await world.hear(anna, 'anyone there?');
    await world.settle();
    expect(world.takeSent()).toEqual([]);
    expect(world.chat(anna)).toMatchObject({ collect: line !== '!stop', bot: false });
    await world.restart();
    await world.hear(anna, 'and now?');
    await world.settle();
    expect(world.takeSent()).toEqual([]);
    await world.type(anna, '!bot on');
    expect(world.chat(anna).bot).toBe(true);
    await world.deliver(off); // the same once more
    expect(world.chat(anna).bot).toBe(line !== '!stop');
  });

  it('off stops the second half of a reply on a full disk', async () => {
    start({ replies: { typing: 'learned' } });
    await world.open(anna);
    world.says(() => ['one', 'two']);
    await world.hear(anna, 'well?');
    while (world.sent.length === 0) await world.clock.advance(500);
    const disk = { writesLeft: 0 };
    onDisk(world.store, disk);
    await world.type(anna, '!bot off');
    disk.writesLeft = Number.POSITIVE_INFINITY;
    await world.settle();
    expect(world.takeSent().join()).not.toContain('two');
  });

  it('is obeyed from an owner number in its own chat, and applies there', async () => {
    start({ settings: { ownerNumbers: [ownerNumber.digits] } });
    await world.hear({ c: ownerNumber.lid }, '!collect on');
    await world.hear(ownerNumber, '!bot on');
    await world.hear(ownerNumber, 'hello me');
    await world.settle();
    expect(world.takeSent().at(-1)).toContain('fine by me');
  });

  it('on from an owner number is enough to be answered there, and keeps nothing', async () => {
    start({ settings: { ownerNumbers: [ownerNumber.digits] } });
    await world.hear(ownerNumber, '!bot on');
    await world.hear(ownerNumber, 'hello me');
    await world.settle();
    expect(world.takeSent().at(-1)).toContain('fine by me');
    expect(world.rows()).toEqual([]);
  });

  it('on in the self-chat, with the own voice, says where it works', async () => {
    start();
    await world.type(self, '!bot on', { chatKind: 'self' });
    expect(world.takeSent()).toEqual([say().notHere]);
  });
});

describe('the voice of another person', () => {
  const speaker = 'Ben';
  const grantImitate = (chatId: number | null): void => {
    const personId = world.store.people.resolve(['speaker:Ben', ben.c]);
    const event = { personId, scope: 'imitate', action: 'granted', atMs: 1, noticeHash: '', chatId } as const;
    world.store.consent.append(event);
    world.store.consent.append({ ...event, scope: 'log' });
  };

  it('is not used before that person agreed to it', async () => {
    start({ settings: { speaker } });
    await world.type(self, '!bot on', { chatKind: 'self' });
    await world.type(ben, '!bot on');
    const refusal = 'The person whose voice this is has not agreed to it in this chat.';
    expect(world.takeSent()).toEqual([refusal, refusal]);
    expect(world.store.chats.list().some(({ bot }) => bot)).toBe(false);
  });

  it('answers the owner in the self-chat, and the chat that person approved, and no other', async () => {
    start({ settings: { speaker } });
    const approved = world.store.chats.resolve(ben.c, 'direct');
    grantImitate(approved);
    vi.spyOn(world.store.messages, 'countBy').mockReturnValue(300); // what an import brings
    await world.type(self, '!bot on', { chatKind: 'self' });
    await world.type(ben, '!bot on');
    await world.type(anna, '!bot on');
    expect(world.takeSent()).toEqual([
      say().botOn,
      say().botOn,
      'The person whose voice this is has not agreed to it in this chat.',
    ]);
    await world.type(self, 'talk to me', { chatKind: 'self' });
    await world.settle();
    expect(world.takeSent().at(-1)).toContain('fine by me');
  });
});
