/** What a message is: placeholders of many languages and versions, and people's words that only look like them. */
import { describe, expect, test } from 'vitest';
import { parseExport } from './read.ts';

const lrm = '\u200E';

function android(body: string): [string, string | null] {
  const [message] = parseExport(`19/09/2026, 09:52 - Mia: ${body}\n`).messages;
  return [message?.kind ?? '', message?.media ?? null];
}

function ios(body: string): [string, string | null] {
  const [message] = parseExport(`[19.09.26, 09:52:27] Mia: ${body}\n`).messages;
  return [message?.kind ?? '', message?.media ?? null];
}

describe('Android', () => {
  test.each([
    ['<Media omitted>', 'media', null],
    ['<Medien ausgeschlossen>', 'media', null],
    ['<Без медиафайлов>', 'media', null],
    ['< Média vynechány >', 'media', null],
    ['<メディアは含まれていません>', 'media', null],
    ['<Media omitted>\na caption', 'media', null],
    ['<Video note omitted>', 'media', 'video'],
    ['<View once voice message omitted>', 'media', 'voice'],
    [`${lrm}IMG-20260919-WA0003.jpg (file attached)`, 'media', 'image'],
    [`${lrm}IMG-20260919-WA0003.jpg (file attached)\na caption`, 'media', 'image'],
    ['VID-20260919-WA0003.mp4 (datoteka priložena)', 'media', 'video'],
    ['PTT-20260919-WA0003.opus (bestand bijgevoegd)', 'media', 'voice'],
    ['STK-20260919-WA0003.webp (file attached)', 'media', 'sticker'],
    ['My plan (v2).pdf (Datei angehängt)', 'media', 'file'],
    ['Alex.vcf (file attached)', 'contact', 'contact'],
    ['location: https://maps.google.com/?q=-33.8,151.2093', 'location', 'location'],
    ['konum: https://maps.google.com/?q=52.0,13.0', 'location', 'location'],
    ['live location shared', 'location', 'location'],
    ['You deleted this message', 'deleted', null],
    ['Du hast diese Nachricht gelöscht.', 'deleted', null],
    ['Verpasster Videoanruf', 'call', null],
    [`see you <This message was edited>`, 'edited', null],
    [`vidimo se ${lrm}<Ova je poruka nekako uređena>`, 'edited', null],
    ['UMFRAGE:\nPizza?\nOPTION: ja (1 Stimme)\nOPTION: nein (0 Stimmen)', 'poll', null],
    ['ಮತದಾನ:\nPizza?\nOPTION: ja (೧ ಮತ)\nOPTION: no (0)', 'poll', null],
  ])('%j is %s, %s', (body, kind, media) => {
    expect(android(body)).toEqual([kind, media]);
  });

  test.each([
    'image omitted',
    'I saw <Media omitted> in the export',
    'he wrote: This message was deleted',
    'see notes.txt (the old ones)',
    '<3',
    '<html>',
    'look: https://maps.google.com/maps/place/x',
    'missed voice call from you again',
    'video call tonight?',
    'Shopping:\nbread: 2\nmilk: 1',
    'a <b>',
    'Messages and calls are end-to-end encrypted, they say',
  ])('%j is text', (body) => {
    expect(android(body)).toEqual(['text', null]);
  });
});

describe('iOS', () => {
  test.each([
    [`${lrm}image omitted`, 'media', 'image'],
    ['image omitted', 'media', 'image'],
    [`look at this ${lrm}image omitted`, 'media', 'image'],
    [`${lrm}GIF weggelassen`, 'media', 'video'],
    [`${lrm}audio omitted`, 'media', 'voice'],
    [`${lrm}スタンプは含まれていません`, 'media', 'sticker'],
    [`Some.pdf • ${lrm}2 pages ${lrm}document omitted`, 'media', 'file'],
    ['Some.pdf • 2 pages document omitted', 'media', 'file'],
    [`${lrm}Contact card omitted`, 'contact', 'contact'],
    [`${lrm}<attached: 00000012-PHOTO-2026-09-19-13-20-01.jpg>`, 'media', 'image'],
    [`${lrm}<ilovang: 00000013-VIDEO-2026-09-19-13-20-01.mp4>`, 'media', 'video'],
    [`${lrm}<attached: 00000014-STICKER-2026-09-19-13-20-01.webp>`, 'media', 'sticker'],
    [`a caption\n${lrm}<attached: 00000015-AUDIO-2026-09-19-13-20-01.opus>`, 'media', 'voice'],
    [`Some.pdf • ${lrm}2 pages ${lrm}<attached: 00000016-Some.pdf>`, 'media', 'file'],
    [`${lrm}Location: https://maps.google.com/?q=51.5021456,-0.127397`, 'location', 'location'],
    ['Pimlico Gardens (London): https://foursquare.com/v/4e89af95e5fa82ad4c0aa03b', 'location', 'location'],
    [`${lrm}You deleted this message.`, 'deleted', null],
    [`${lrm}This message was deleted by admin ~ Bo.`, 'deleted', null],
    [`${lrm}Missed voice call. ${lrm}Tap to call back`, 'call', null],
    [`${lrm}Voice call. ${lrm}2 min`, 'call', null],
    [`${lrm}POLL:\nPizza?\n${lrm}OPTION: yes (${lrm}2 votes)\n${lrm}OPTION: no (${lrm}0 votes)`, 'poll', null],
    [`see you ${lrm}<This message was edited>`, 'edited', null],
    [`${lrm}You turned on disappearing messages.`, 'system', null],
    ['Nachrichten und Anrufe sind Ende-zu-Ende-verschlüsselt. Niemand sonst kann sie lesen.', 'system', null],
  ])('%j is %s, %s', (body, kind, media) => {
    expect(ios(body)).toEqual([kind, media]);
  });

  test.each([
    'no image omitted here',
    'Voice call at nine?',
    '<attached>',
    '<b: c>',
    `${lrm}@Sam look`,
    'link: https://maps.google.com/?q=pizza',
  ])('%j is text', (body) => {
    expect(ios(body)).toEqual(['text', null]);
  });
});

describe('names', () => {
  const names = (lines: readonly string[]): (string | null)[] =>
    parseExport(lines.map((line) => `19/09/2026, 09:52 - ${line}\n`).join('')).messages.map(({ sender }) => sender);

  test('that hold a colon are known by all of their lines', () => {
    const lines = [
      'Dr: Who: hello',
      'Sam: hi',
      'Dr: Who: note: bring tea',
      'Dr: Who: 10:30',
      'Sam: who: you?',
      'Dr: Who left',
    ];
    expect(names(lines)).toEqual(['Dr: Who', 'Sam', 'Dr: Who', 'Dr: Who', 'Sam', null]);
  });

  test('a person who once writes a colon keeps the name', () => {
    expect(names(['Mia: note: a', 'Mia: note: b', 'Mia: hi', 'Sam: note: c'])).toEqual(['Mia', 'Mia', 'Mia', 'Sam']);
  });

  test('colons within quoted titles make no name', () => {
    const lines = [
      'Mia: hi',
      'Mia changed the subject to “a: b”',
      'Mia hat die Gruppe „Fahrt: Rom“ erstellt.',
      'Mia a créé le groupe « a: b »',
      'Mia: "so: yes"',
      'Bo "the: man" X: hi',
    ];
    expect(names(lines)).toEqual(['Mia', null, null, null, 'Mia', 'Bo "the: man" X']);
  });

  test('marks and unusual spaces are not part of a name', () => {
    expect(names(['\u202A+44\u00A07700\u00A0900123\u202C: hi', '~\u202FJo: hey'])).toEqual(['+44 7700 900123', '~ Jo']);
  });

  test('on iOS a name with a colon shows in a single notice', () => {
    const { messages, senders } = parseExport(
      `[19.09.26, 09:52:27] Trip: Rome: ${lrm}Messages and calls are end-to-end encrypted.\n[19.09.26, 09:52:28] Mia: hi\n`,
    );
    expect(messages.map(({ sender, kind }) => [sender, kind])).toEqual([
      ['Trip: Rome', 'system'],
      ['Mia', 'text'],
    ]);
    expect(senders).toEqual([{ name: 'Mia', messages: 1 }]);
  });
});
