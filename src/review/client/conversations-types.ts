/** What the list of conversations answers with. Types alone: the server (pages/conversations.ts) and the page share them. */

export interface ChatCard {
  id: number;
  name: string;
  people: { name: string; messages: number }[];
  /** all that is stored */
  messages: number;
  approved: number;
  rejected: number;
  undecided: number;
  /** `2026-03-02`; null: nothing is stored */
  first: string | null;
  last: string | null;
  /** sentences: what is switched on, what is sealed or left out */
  status: string[];
}

export interface ChatsAnswer {
  chats: ChatCard[];
  total: number;
  /** where the next page begins; null: there is no more */
  next: string | null;
  /** false: still being counted, ask again */
  isDone: boolean;
}
