/**
 * What the review page needs of the store, in one place. Every method is synchronous and short with a million messages;
 * what has to be brought up to date first (counts, the search index) goes on in `catchUp`, a step at a time.
 */
import type { Database } from 'better-sqlite3';
import type { Chats } from './chats.ts';
import type { Ledger } from './ledger.ts';
import type { People } from './people.ts';
import { createReviewChats, type ReviewChats } from './review-chats.ts';
import { createReviewCounts } from './review-counts.ts';
import { createDecisions, type Decisions } from './review-decide.ts';
import { createReviewLog, type Action } from './review-log.ts';
import { createOpenness } from './review-open.ts';
import { createReviewPeople, type ReviewPeople } from './review-people.ts';
import { createReviewReplies, type ReviewReplies } from './review-replies.ts';
import { createThreads, type Threads } from './review-threads.ts';
import type { IndexProgress, SearchIndex } from './search-index.ts';
import { createSearch, type Search } from './search.ts';
import type { Seal } from './seal.ts';

export interface Review extends Decisions, Search {
  chats: ReviewChats;
  threads: Threads;
  people: ReviewPeople;
  replies: ReviewReplies;
  /**
   * Bring counts and search up to date, for about `maxMs` (default 50: fewer, longer steps make a smaller index). Call when the page opens, and again, with a pause
   * for others, until `isDone`; then now and then.
   */
  catchUp(maxMs?: number): IndexProgress & { isDone: boolean };
  /** what the undo and the redo button would do */
  history(): { undo: Action | null; redo: Action | null; recent: Action[] };
}

interface Parts {
  index: SearchIndex;
  seal: Seal;
  ledger: Ledger;
  chats: Chats;
  people: People;
  now: () => number;
  scrub: () => void;
}

export function createReview(db: Database, { index, seal, ledger, chats, people, now, scrub }: Parts): Review {
  const counts = createReviewCounts(db);
  const openness = createOpenness(db, { ledger, seal, counts });
  const log = createReviewLog(db, now);
  const root = (personId: number): number => ledger.root(personId);
  const search = createSearch(db, { index, openness });
  const strip = (action: Action | undefined): Action | null =>
    action === undefined ? null : { id: action.id, kind: action.kind, atMs: action.atMs, messages: action.messages };
  return {
    ...createDecisions(db, { seal, log, root, scrub }),
    search: (request) => {
      counts.step(10);
      openness.refresh();
      return search.search(request);
    },
    chats: createReviewChats(db, { chats, counts, openness }),
    threads: createThreads(db, seal),
    people: createReviewPeople(db, { people, ledger, counts }),
    replies: createReviewReplies(db, { index, openness }),
    catchUp: (maxMs = 50) => {
      const isCounted = counts.step(maxMs / 4);
      const progress = index.step((3 * maxMs) / 4);
      return { ...progress, isDone: isCounted && progress.indexedTo >= progress.newest };
    },
    history: () => ({ undo: strip(log.undoable()), redo: strip(log.redoable()), recent: log.list(50) }),
  };
}
