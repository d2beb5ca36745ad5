/**
 * Which chats and people are sealed, all at once: the same rule as seal.ts, from the counts instead of a look at each
 * message. The counts know every row once they are up to date; until then words are handed out only after seal.ts itself
 * was asked (`isSure`).
 */
import type { Database } from 'better-sqlite3';
import type { Ledger } from './ledger.ts';
import type { ReviewCounts } from './review-counts.ts';
import type { Seal } from './seal.ts';

export interface Openness {
  isOpen(chatId: number, personId: number): boolean;
  /** direct chats that are sealed as a whole, and people who are sealed everywhere */
  closed(): { chats: number[]; people: number[] };
  /** people of each chat who wrote there or are members */
  people(chatId: number): readonly number[];
  /** Look again, where anything changed since: consent may at any moment. */
  refresh(): void;
  /** May what this person wrote in this chat be shown? Asks seal.ts where not everything is counted yet. */
  isSure(chatId: number, personId: number): boolean;
}

export function createOpenness(
  db: Database,
  { ledger, seal, counts }: { ledger: Ledger; seal: Seal; counts: ReviewCounts },
): Openness {
  const participants = db.prepare<[], { chat_id: number; person_id: number; is_direct: number }>(`
    SELECT p.chat_id, p.person_id, c.kind = 'direct' AS is_direct FROM (
      SELECT chat_id, person_id FROM review_counts WHERE messages > 0 UNION SELECT chat_id, person_id FROM chat_members
    ) p JOIN chats c ON c.id = p.chat_id ORDER BY p.chat_id, p.person_id`);
  // grows, or shrinks, with every line of the ledger, new person, merger, membership, and first or last message in a chat
  const signature = db
    .prepare<[], string | null>(
      `SELECT
    (SELECT MAX(id) FROM consent_events) || ' ' || (SELECT MAX(id) FROM people) || ' ' ||
    (SELECT COUNT(*) FROM people WHERE merged_into IS NULL) || ' ' || (SELECT COUNT(*) FROM chat_members) || ' ' ||
    (SELECT COUNT(*) FROM chats) || ' ' || (SELECT COUNT(*) || ' ' || COALESCE(SUM(person_id * 31 + chat_id), 0)
      FROM review_counts WHERE messages > 0)`,
    )
    .pluck();
  let seen: string | null | undefined;
  let byChat = new Map<number, number[]>();
  let closedChats = new Set<number>();
  let closedPeople = new Set<number>();

  const refresh = (): void => {
    const now = signature.get();
    if (now !== null && now === seen) return;
    seen = now;
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
  const isOpen = (chatId: number, personId: number): boolean => !closedChats.has(chatId) && !closedPeople.has(personId);
  return {
    isOpen,
    isSure: (chatId, personId) =>
      isOpen(chatId, personId) && (counts.isDone() || seal.openPeople(chatId).includes(personId)),
    closed: () => ({ chats: [...closedChats], people: [...closedPeople] }),
    people: (chatId) => byChat.get(chatId) ?? [],
    refresh,
  };
}
