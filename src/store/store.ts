/**
 * The store: one SQLite file, opened and closed here, one file of this folder a table group. Every method is
 * synchronous; times are unix ms, ids integers. Message text enters only as `ConsentedMessage` and leaves only for
 * people whose consent stands now. Another process may open the same folder beside this one.
 */
import { dirname } from 'node:path';
import type { Database, Statement, Transaction } from 'better-sqlite3';
import { createChats, type Chats } from './chats.ts';
import { createConversations, type Conversations } from './conversations.ts';
import { createCounts, type Counts } from './counts.ts';
import { createFeedback, type Feedback } from './feedback.ts';
import { createForget, type Forgetting } from './forget.ts';
import { createImports, type Imports } from './imports.ts';
import { createLedger, type Ledger } from './ledger.ts';
import { acquireLock, type Lock } from './lock.ts';
import { createLookups, type Lookups } from './lookups.ts';
import { createNights, type Nights } from './night.ts';
import { createMessages, type MessageTable } from './messages.ts';
import { openDatabase, truncateLog, type OpenOptions } from './open.ts';
import { createOutbox, type Outbox } from './outbox.ts';
import { createPeople, type People } from './people.ts';
import { createPhraseIndex, type Phrases } from './phrases.ts';
import { createQuiz, type Quiz } from './quiz.ts';
import { createReactions, type Reactions } from './reactions.ts';
import { createReceipts, type Receipts } from './receipts.ts';
import { createReplies, type Replies } from './replies.ts';
import { createReview, type Review } from './review.ts';
import { createRuns, type Runs } from './runs.ts';
import { createSeal, type Seal } from './seal.ts';
import { createSearchIndex, type SearchIndex } from './search-index.ts';
import { createSettings, type StoredSettings } from './settings.ts';
import { createTombstones, type Tombstones } from './tombstones.ts';
import { UserError } from '../util/errors.ts';

export { correctionMark, playedMark } from './rows.ts';
export type { StoredMessage } from './rows.ts';
export { AlreadyAnswered } from './outbox.ts';

export interface StoreOptions extends OpenOptions {
  /** wall clock, unix ms */
  now?: () => number;
}

/** Open the store in this folder, creating or migrating it. Throws a UserError for what the user can act on. */
export function openStore(dataDir: string, options: StoreOptions = {}): Store {
  const store = new Store(openDatabase(dataDir, options), options.now ?? Date.now);
  eraseDeadImports(store);
  store.searchIndex.sweep(); // whoever erased may have died before
  return store;
}

/** Rows of an import whose process died, erased unless another import runs just now. */
function eraseDeadImports(store: Store): void {
  if (store.imports.unfinished().length === 0) return;
  let lock: Lock;
  try {
    lock = acquireLock(store.dataDir, 'import');
  } catch (error) {
    if (error instanceof UserError) return; // it runs, or the folder cannot be written: nobody sees those rows anyway
    throw error;
  }
  try {
    for (const id of store.imports.unfinished()) for (const _step of store.imports.erase(id));
    store.scrub();
  } finally {
    lock.release();
  }
}

export class Store {
  /** the folder of the database */
  readonly dataDir: string;
  readonly people: People;
  readonly consent: Ledger;
  readonly chats: Chats;
  readonly messages: MessageTable & Conversations;
  readonly imports: Imports;
  readonly reactions: Reactions;
  readonly phrases: Phrases;
  readonly outbox: Outbox;
  readonly replies: Replies;
  readonly runs: Runs;
  readonly settings: StoredSettings;
  readonly counts: Counts;
  readonly lookups: Lookups;
  readonly feedback: Feedback;
  readonly quiz: Quiz;
  readonly nights: Nights;
  readonly tombstones: Tombstones;
  readonly receipts: Receipts;
  /**
   * Erase what a person wrote, everywhere, with the bot's replies to it; returns the number of messages. The person's
   * ids and ledger stay, or nobody would know that they said no: append `forgotten` to the ledger with it.
   */
  readonly forget: Forgetting['forget'];
  readonly forgetInSteps: Forgetting['forgetInSteps'];
  readonly searchIndex: SearchIndex;
  readonly #db: Database;
  readonly #seal: Seal;
  readonly #now: () => number;
  #review: Review | undefined;
  readonly #changes: Statement<[], { own: number }>;
  readonly #transaction: Transaction<(work: () => unknown) => unknown>;
  #needsScrub = false;

  constructor(db: Database, now: () => number) {
    this.#db = db;
    this.#now = now;
    this.#transaction = db.transaction((work: () => unknown) => work());
    this.#changes = db.prepare('SELECT total_changes() AS own');
    this.dataDir = dirname(db.name);
    const scrub = (): void => void this.scrub();
    const phrases = createPhraseIndex(db);
    this.consent = createLedger(db);
    const root = (personId: number): number => this.consent.root(personId);
    const tombstones = createTombstones(db, root);
    const seal = createSeal(db, this.consent);
    this.#seal = seal;
    this.searchIndex = createSearchIndex(db, this.dataDir);
    this.people = createPeople(db, this.consent, now);
    this.chats = createChats(db, this.consent, now);
    this.messages = {
      ...createMessages(db, { phrases, seal, root, now, scrub }),
      ...createConversations(db, seal, root),
    };
    this.imports = createImports(db, root, now);
    this.reactions = createReactions(db, this.consent);
    this.phrases = phrases;
    this.outbox = createOutbox(db, now);
    this.replies = createReplies(db, now);
    this.runs = createRuns(db);
    this.settings = createSettings(db);
    this.counts = createCounts(db);
    this.lookups = createLookups(db, root);
    this.feedback = createFeedback(db, { lookups: this.lookups, replies: this.replies, now });
    this.quiz = createQuiz(db, now);
    this.nights = createNights(db, now);
    this.tombstones = tombstones;
    this.receipts = createReceipts(db);
    const forgetting = createForget(db, { root, tombstones, now, scrub });
    this.forget = forgetting.forget;
    this.forgetInSteps = forgetting.forgetInSteps;
  }

  /** What the review page needs; made when it is first asked for. */
  get review(): Review {
    const { searchIndex: index, consent: ledger, chats, people } = this;
    const scrub = (): void => void this.scrub();
    this.#review ??= createReview(this.#db, {
      index,
      seal: this.#seal,
      ledger,
      chats,
      people,
      now: this.#now,
      scrub,
    });
    return this.#review;
  }

  /** All or nothing; nested calls are savepoints. `work` must be synchronous. */
  transaction<T>(work: () => T): T {
    const result = this.#transaction.immediate(work) as T;
    if (this.#needsScrub) this.scrub();
    return result;
  }

  /**
   * Make erased bytes leave the disk now (erase, edit and forget do this themselves). False: inside a transaction, or
   * another process was reading; the next erasure, or closing, does it.
   */
  scrub(): boolean {
    if (!this.#db.inTransaction) this.searchIndex.sweep();
    this.#needsScrub = this.#db.inTransaction || !truncateLog(this.#db);
    return !this.#needsScrub;
  }

  /**
   * Write the whole file anew. Where a full page was split, rows were moved, and their bytes stay where they stood before:
   * `secure_delete` overwrites the place they are erased from and not that one. Then `scrub`. Holds the write lock for about
   * 1 s per 100 MB; needs that much memory, and room for a log as large.
   * @throws SqliteError without room, or where another process writes for longer than 5 s
   */
  rewrite(): void {
    this.#db.exec('VACUUM');
  }

  /** Another value whenever anything was written since, by this process or another. */
  version(): string {
    return `${String(this.#db.pragma('data_version', { simple: true }))}.${this.#changes.get()!.own}`;
  }

  close(): void {
    if (!this.#db.open) return;
    if (this.#needsScrub) this.scrub();
    this.searchIndex.close();
    this.#db.close();
  }
}
