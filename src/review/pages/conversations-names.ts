/** What people, chats and times are called on the page. Names come from strangers' phones: text, never markup. */
import { html } from 'hono/html';
import { DateTime } from 'luxon';
import { personaAlias } from '../../store/import.ts';
import type { ChatSummary } from '../../store/review-chats.ts';
import { playgroundKey, type MediaKind } from '../../types.ts';
import type { Html } from '../layout.ts';
import type { ReviewParts } from '../parts.ts';

export interface Names {
  /** person id of the one whose voice is learned; undefined: nothing of theirs is stored */
  persona: number | undefined;
  person(personId: number): string;
  /** the others in a chat, or what kind of chat it is */
  chat(chat: Pick<ChatSummary, 'id' | 'kind' | 'people'>): string;
}

const mostNames = 3;

/** Read anew for each request: people are renamed, merged and split. */
export function namesOf({ store, personaName, speaker }: ReviewParts): Names {
  const persona = store.people.find(personaAlias(speaker));
  const owner = store.people.find('me');
  const known = new Map<number, string>();
  const nameOf = (personId: number): string => {
    const name = store.people.nameOf(personId);
    if (name !== '') return name;
    if (personId === persona) return personaName;
    if (personId === owner) return 'You';
    return fromAlias(store.people.aliases(personId)) ?? `Person ${personId}`;
  };
  const person: Names['person'] = (personId) => {
    const name = known.get(personId) ?? nameOf(personId);
    known.set(personId, name);
    return name;
  };
  return {
    persona,
    person,
    chat: ({ id, kind, people }) => {
      if (id === store.chats.find(playgroundKey)) return 'Playground';
      if (kind === 'self') return 'Notes to yourself';
      const others = people
        .filter(({ personId }) => personId !== (owner ?? persona))
        .map(({ personId }) => person(personId));
      if (others.length === 0) return `Chat ${id}`;
      const rest = others.length - mostNames;
      const names = rest > 0 ? `${others.slice(0, mostNames).join(', ')} and ${rest} more` : others.join(', ');
      return kind === 'group' ? `Group: ${names}` : names;
    },
  };
}

/** A phone number, or the name that an export gives. */
function fromAlias(aliases: readonly string[]): string | undefined {
  for (const alias of aliases) {
    const number = /^(\d{5,15})@c\.us$/.exec(alias)?.[1];
    if (number !== undefined) return `+${number}`;
  }
  const named = aliases.find((alias) => alias.startsWith('name:'));
  return named?.slice(named.lastIndexOf(':') + 1);
}

/** Directional and unseen characters by their number, as the page's own script shows them (client/thread-text.ts). */
export function visible(text: string): string {
  return text.replace(
    /(?![\t\n])[\p{Bidi_Control}\p{Cc}\u00ad\u200b\u2060-\u2064\ufeff]/gu,
    (character) => `[U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}]`,
  );
}

/** A name in a sentence, with a direction of its own. */
export const named = (name: string): Html => html`<bdi>${visible(name)}</bdi>`;

const dayFormats = new Map<string, Intl.DateTimeFormat>();
const timeFormats = new Map<string, Intl.DateTimeFormat>();

function formatOf(
  known: Map<string, Intl.DateTimeFormat>,
  timezone: string,
  options: Intl.DateTimeFormatOptions,
): Intl.DateTimeFormat {
  let format = known.get(timezone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-GB', { timeZone: timezone, ...options });
    known.set(timezone, format);
  }
  return format;
}

/** `Monday 2 March 2026` */
export const dayOf = (ms: number, timezone: string): string =>
  formatOf(dayFormats, timezone, { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' }).format(ms);

/** `07:41` */
export const timeOf = (ms: number, timezone: string): string =>
  formatOf(timeFormats, timezone, { hour: '2-digit', minute: '2-digit' }).format(ms);

/** `2026-03-02` */
export const dateOf = (ms: number, timezone: string): string =>
  DateTime.fromMillis(ms, { zone: timezone }).toISODate()!;

/** `2026-03-02 07:41` */
export const momentOf = (ms: number, timezone: string): string => `${dateOf(ms, timezone)} ${timeOf(ms, timezone)}`;

/** First instant of a day `YYYY-MM-DD`, unix ms. */
export const startOf = (date: string, timezone: string): number =>
  DateTime.fromISO(date, { zone: timezone }).startOf('day').toMillis();

/** First instant after a day. */
export const endOf = (date: string, timezone: string): number =>
  DateTime.fromISO(date, { zone: timezone }).startOf('day').plus({ days: 1 }).toMillis();

export const mediaNames: Readonly<Record<MediaKind, string>> = {
  image: 'Photo',
  video: 'Video',
  voice: 'Voice message',
  sticker: 'Sticker',
  file: 'File',
  location: 'Location',
  contact: 'Contact card',
};
