/**
 * Which chats and people are sealed, all at once: the same rule as seal.ts, from the counts instead of a look at each
 * message. A list may be built on it; words are handed out only after seal.ts itself was asked.
 */
import type { Database } from 'better-sqlite3';
import type { Ledger } from './ledger.ts';

export interface Openness {
  isOpen(chatId: number, personId: number): boolean;
  /** direct chats that are sealed as a whole, and people who are sealed everywhere */
  closed(): { chats: number[]; people: number[] };
  /** people of each chat who wrote there or are members */
  people(chatId: number): readonly number[];
  /** Look again: consent may change at any moment. */
  refresh(): void;
}

export function createOpenness(db: Database, ledger: Ledger): Openness {
  const participants = db.prepare<[], { chat_id: number; person_id: number; is_direct: number }>(`
    SELECT p.chat_id, p.person_id, c.kind = 'direct' AS is_direct FROM (
      SELECT chat_id, person_id FROM review_counts WHERE messages > 0 UNION SELECT chat_id, person_id FROM chat_members
    ) p JOIN chats c ON c.id = p.chat_id ORDER BY p.chat_id, p.person_id`);
  let byChat = new Map<number, number[]>();
  let closedChats = new Set<number>();
  let closedPeople = new Set<number>();

  const refresh = (): void => {
    byChat = new Map();
    const direct = new Set<number>();
    for (const { chat_id: chatId, person_id: personId, is_direct: isDirect } of participants.all()) {
      const people = byChat.get(chatId);
      if (people === undefined) byChat.set(chatId, [personId]);
      else people.push(personId);
      if (isDirect === 1) direct.add(chatId);
    }
    const everybody = new Set([...byChat.values()].flat());
    closedPeople = new Set([...everybody].filter((personId) => !ledger.isOpen(personId)));
    closedChats = new Set(
      [...direct].filter((chatId) => {
        const people = byChat.get(chatId)!;
        return people.length < 2 || people.some((personId) => closedPeople.has(personId));
      }),
    );
  };
  return {
    isOpen: (chatId, personId) => !closedChats.has(chatId) && !closedPeople.has(personId),
    closed: () => ({ chats: [...closedChats], people: [...closedPeople] }),
    people: (chatId) => byChat.get(chatId) ?? [],
    refresh,
  };
}
