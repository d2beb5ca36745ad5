/** What the thread's endpoints answer with. Types alone: the server (pages/thread*.ts) and the page share them. */

/** In UTF-16 units, end exclusive. */
export interface Span {
  start: number;
  end: number;
}

/** What a message is for tonight's training: learned, read but not learned, kept aside to measure, or not in it at all. */
export type Standing = 'trains' | 'context' | 'measured' | 'out';

export interface ThreadMessage {
  id: number;
  /** unix ms */
  atMs: number;
  /** `Monday, 2 March 2026`, in the page's time zone */
  day: string;
  /** `07:41` */
  time: string;
  /** person id */
  personId: number;
  name: string;
  who: 'persona' | 'bot' | 'other';
  text: string;
  /** parts of `text` that are hidden from training and from everybody else */
  hidden: Span[];
  /** what the persona should have written, in the owner's words */
  line: string | null;
  /** `Photo`, `Voice message`, ...; null: text alone */
  media: string | null;
  quote: { id: number; name: string; text: string } | null;
  reactions: { emoji: string; name: string }[];
  editedAtMs: number | null;
  isDeleted: boolean;
  decision: 'approved' | 'rejected' | null;
  standing: Standing;
  /** why, as a sentence */
  why: string;
}

export interface ThreadPage {
  /** in the order in which they were said */
  messages: ThreadMessage[];
  hasOlder: boolean;
  hasNewer: boolean;
  /** clock of the server when this was read */
  seenAtMs: number;
  /** index of the message that was asked for, by its date */
  focus: number;
}

export interface DoneAction {
  id: number;
  /** `Approved 3 messages` */
  said: string;
}

/** What can be undone and done again now, and what is left out. */
export interface ReviewState {
  undo: DoneAction | null;
  redo: DoneAction | null;
  leftOut: { id: number; chatId: number | null; personId: number | null; name: string | null; what: string }[];
}

export interface ActionAnswer extends ReviewState {
  /** what was done, as a sentence */
  said: string;
}

export interface TokenView {
  tokens: { text: string; isSpecial: boolean; hasLoss: boolean; messageId: number | null }[];
  /** what this is, as a sentence */
  said: string;
}

export interface SearchHit {
  id: number;
  chatId: number;
  chat: string;
  name: string;
  isBot: boolean;
  /** `2026-03-02 07:41` */
  at: string;
  text: string;
  marks: Span[];
  isCut: { start: boolean; end: boolean };
  media: string | null;
  decision: 'approved' | 'rejected' | null;
}

export interface SearchAnswer {
  hits: SearchHit[];
  /** where the next page begins; null: there is no more */
  next: string | null;
  /** `12 messages` */
  said: string;
  /** per cent of the messages that can be found yet; null: all of them */
  preparing: number | null;
}
