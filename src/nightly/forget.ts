/**
 * Forgetting a person, all of it: consent, models that saw them, training under way, rows, copies, exports. In an order in
 * which a kill at any point leaves their words out of use, and what is left to be finished by the next command: noted on
 * disk, said in the ledger, models out of service and gone, files removed, rows erased and their bytes overwritten.
 * Not covered: everybody at once (forget-everything.ts), words of theirs that others quoted or retold.
 */
import { rmSync } from 'node:fs';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { loadServing } from '../checkpoint/current.ts';
import type { Checkpoint } from '../checkpoint/load.ts';
import { consentState } from '../consent/policy.ts';
import { redactorOf, type RedactOptions } from '../consent/redact.ts';
import { groupConversations } from '../dataset/conversations.ts';
import { splitOf } from '../dataset/split.ts';
import { isDiskFull, dropBallast, makeRoom, withBallast } from '../store/ballast.ts';
import type { ErasedRows } from '../store/forget.ts';
import { personaAlias } from '../store/import.ts';
import { createLocalTime } from '../store/local-time.ts';
import { acquireLock } from '../store/lock.ts';
import { openStore, type Store } from '../store/store.ts';
import type { ConversationMessage } from '../types.ts';
import { errorCode, ExitCode, UserError } from '../util/errors.ts';
import { makeFreshCopy, removeCopies } from './forget-copies.ts';
import { removeExports } from './forget-exports.ts';
import { beginForgetting, endForgetting } from './forget-journal.ts';
import { trainingDir, waitForLock } from './forgotten.ts';
import { readManifest } from './manifest.ts';
import {
  loadCleanBase,
  measureLoss,
  sampleOf,
  type ForgetReport,
  type LossReceipt,
  type LossTexts,
  type MeasuredLoss,
} from './receipt.ts';
import { retireRuns, type Retired } from './retire.ts';

export interface ForgetOptions {
  dataDir: string;
  modelsDir: string;
  /** `me`, or the name of the person whose voice is learned */
  speaker: string;
  /** IANA name; times of exports are read in it */
  timezone: string;
  /** what training hid of texts */
  redaction: RedactOptions;
  /** the base that tonight's training begins with; undefined: from scratch */
  base?: string | undefined;
  /** measure what their words cost the model that saw them */
  measure: boolean;
  /** make a new copy of the database where older ones went */
  freshCopy: boolean;
  /** unix ms */
  now: () => number;
  onPhase?: ((phase: string) => void) | undefined;
}

/** how long a backup or a night that publishes is waited for */
const patienceMs = 45_000;
/** how long another process may go on reading before the log is given up as it is */
const scrubMs = 15_000;
/** texts by which files in data/exports are recognised */
const mostWords = 64;

/**
 * Erase everything of a person, and have it finished by the next command should this process die. Takes the role
 * `write-admin`. Safe to ask twice.
 * @throws UserError (75) where somebody restores, backs up or publishes for longer than 45 s; the person is sealed by the
 *   caller's ledger line or not at all then
 */
export async function forgetPerson(personId: number, options: ForgetOptions): Promise<ForgetReport> {
  makeRoom(options.dataDir);
  const lock = await waitForLock(options.dataDir, 'write-admin', patienceMs);
  try {
    beginForgetting(options.dataDir, personId);
    return await carryOut(personId, options, false);
  } finally {
    lock.release();
  }
}

/** Go on with what was begun for a person. The caller holds the role `write-admin`. */
export async function finishPerson(personId: number, options: ForgetOptions): Promise<ForgetReport> {
  return carryOut(personId, { ...options, measure: false }, true);
}

async function carryOut(personId: number, options: ForgetOptions, isAgain: boolean): Promise<ForgetReport> {
  const { dataDir, modelsDir, now } = options;
  const startedMs = performance.now();
  const store = withBallast(dataDir, () => openStore(dataDir, { now }));
  try {
    const person = store.consent.root(personId);
    const done = isAgain ? doneBefore(store, person) : undefined;
    if (done !== undefined) {
      endForgetting(dataDir, personId);
      return done;
    }
    options.onPhase?.('sealing');
    const receipt = withBallast(dataDir, () => seal(store, person, now()));
    const theirs = store.lookups.messagesOf(person, null);
    const words = wordsOf(theirs.map(({ text }) => text));
    const rowIds = new Set(store.lookups.rowIds(person));
    const seen = options.measure ? readTexts(store, theirs, options) : undefined;
    const served = seen === undefined ? undefined : loadServing(modelsDir);

    options.onPhase?.('retiring models that saw them');
    // going on after a kill: which rows were theirs is known of those alone that are left
    const present = isAgain ? new Set(store.lookups.allRowIds()) : undefined;
    const isGone = (id: number): boolean => rowIds.has(id) || present?.has(id) === false;
    const nothing: Retired = { runs: [], datasets: 0, served: null, serves: null };
    const retired = isAgain || rowIds.size > 0 ? retireRuns(isGone, { dataDir, modelsDir }) : nothing;
    const stoppedTraining = stopTraining(dataDir);

    options.onPhase?.('removing copies and exports');
    withBallast(dataDir, () => store.searchIndex.reset());
    const copies = removeCopies(dataDir, (alias) => store.tombstones.hasAlias(alias));
    const exports = await removeExports(store, createLocalTime(options.timezone), words);

    // last, since their rows tell what to look for in files
    options.onPhase?.('erasing rows');
    const rows = await eraseRows(store, person);
    withBallast(dataDir, () => forgetRecords(store, retired.runs));
    const left: string[] = [];
    if (exports.unread > 0) left.push(`${exports.unread} packed files in data/exports could not be looked into`);
    if (!(await rewritten(store))) {
      left.push(
        'there is no room to write the database anew: places that rows were moved from may keep bytes of theirs',
      );
    }
    if (!(await scrubbed(store))) {
      left.push('another command was reading the database: its log keeps bytes of theirs until that command ends');
    }
    const seconds = (performance.now() - startedMs) / 1000;

    let loss: LossReceipt | null = null;
    if (seen !== undefined && served !== undefined && retired.served === served.runId) {
      try {
        loss = await lossOf(served, retired.serves, seen, options);
      } catch (error) {
        const why = error instanceof UserError ? error.message : (errorCode(error) ?? 'a fault');
        left.push(`what the model had learned of it could not be measured (${why})`);
      }
    }
    const report: ForgetReport = {
      what: 'person',
      rows,
      tombstones: store.tombstones.countOf(person),
      retired: retired.runs,
      serves: retired.serves,
      datasets: retired.datasets,
      copies,
      freshCopy: null,
      exports: exports.removed,
      stoppedTraining,
      loss,
      left,
      seconds: Math.round(seconds * 1000) / 1000,
    };
    if (options.freshCopy && copies > 0) {
      report.freshCopy = (await makeFreshCopy(dataDir, now())) ?? null;
      if (report.freshCopy === null) left.push('there is no room for a fresh copy of the database');
    }
    store.receipts.finish(receipt, now(), report);
    endForgetting(dataDir, personId);
    return report;
  } finally {
    store.close();
  }
}

/** Said in the ledger, as tombstones, and on the receipt, where a training sees it; from here on nothing of theirs is used. */
function seal(store: Store, person: number, nowMs: number): number {
  return store.transaction(() => {
    const history = store.consent.history(person);
    const isSaid = (scope: 'log' | 'imitate'): boolean => {
      const own = history.filter(
        (event) => event.scope === scope && event.action !== 'asked' && event.action !== 'attested',
      );
      return own.at(-1)?.action === 'forgotten';
    };
    const say = (scope: 'log' | 'imitate'): void =>
      store.consent.append({ personId: person, scope, action: 'forgotten', atMs: nowMs, noticeHash: '', chatId: null });
    if (!isSaid('log')) say('log');
    if (consentState(history, 'imitate').state === 'granted') say('imitate');
    store.tombstones.bury(person, nowMs);
    return store.receipts.begin(person, nowMs);
  });
}

/** The process died after the last byte was gone: the receipt of that, and nothing is left to do. */
function doneBefore(store: Store, person: number): ForgetReport | undefined {
  const last = store.receipts.list().find((receipt) => receipt.personId === person);
  const isOpen = store.consent.isOpen(person) || store.lookups.rowIds(person).length > 0;
  return last === undefined || last.finishedMs === null || isOpen ? undefined : (last.report as ForgetReport);
}

/** In short transactions, the event loop between them. A full disk gives up its ballast, once. */
async function eraseRows(store: Store, person: number): Promise<ErasedRows> {
  const erase = async (): Promise<ErasedRows> => {
    const steps = store.forgetInSteps(person);
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
      await nextTurn();
    }
  };
  try {
    return await erase();
  } catch (error) {
    if (!isDiskFull(error) || !dropBallast(store.dataDir)) throw error;
    return erase();
  }
}

/** Reports of runs that are gone, and quiz answers about them. */
function forgetRecords(store: Store, retired: readonly string[]): void {
  const isUnknown = (report: object): boolean => {
    const hash = 'datasetHash' in report ? report.datasetHash : undefined;
    return typeof hash !== 'string' || readManifest(store.dataDir, hash) === undefined;
  };
  const stale = store.runs.list().filter(({ id, report }) => retired.includes(id) || isUnknown(report));
  store.runs.blank(stale.map(({ id }) => id));
}

/**
 * @returns false: the disk is full
 * @throws SqliteError where others write all the time; the next command finishes what was begun
 */
async function rewritten(store: Store): Promise<boolean> {
  for (const untilMs = performance.now() + scrubMs; ; await sleep(100)) {
    try {
      withBallast(store.dataDir, () => store.rewrite());
      return true;
    } catch (error) {
      if (isDiskFull(error)) return false;
      if (errorCode(error) !== 'SQLITE_BUSY' || performance.now() > untilMs) throw error;
    }
  }
}

async function scrubbed(store: Store): Promise<boolean> {
  const untilMs = performance.now() + scrubMs;
  while (!store.scrub()) {
    if (performance.now() > untilMs) return false;
    await sleep(100);
  }
  return true;
}

/** What an unfinished training keeps goes; the training itself sees the receipt at its next step (forgotten.ts). */
function stopTraining(dataDir: string): boolean {
  rmSync(trainingDir(dataDir), { recursive: true, force: true });
  try {
    acquireLock(dataDir, 'retrain').release();
    return false;
  } catch (error) {
    if (error instanceof UserError && error.exitCode === ExitCode.busy) return true;
    throw error;
  }
}

/** The longest ones, which hardly anybody else wrote. */
function wordsOf(texts: readonly string[]): string[] {
  return [...new Set(texts)]
    .filter((text) => text.length >= 16)
    .sort((a, b) => b.length - a.length)
    .slice(0, mostWords);
}

/** Theirs that training read, and theirs that was held out: the same hand, so that only having been seen tells them apart. */
function readTexts(
  store: Store,
  theirs: ReturnType<Store['lookups']['messagesOf']>,
  { speaker, timezone, redaction }: ForgetOptions,
): LossTexts | undefined {
  const keys = new Map(store.chats.list().map(({ id, key }) => [id, key]));
  const persona = store.people.find(personaAlias(speaker)) ?? theirs[0]?.personId ?? 0;
  const sides = { deleted: [] as ConversationMessage[], unseen: [] as ConversationMessage[] };
  for (const [chatId, chatKey] of keys) {
    const messages = theirs.filter((message) => message.chatId === chatId);
    if (messages.length === 0) continue;
    const own = store.messages.toConversation(messages, persona).map((message) => ({ ...message, quotedRowId: null }));
    for (const conversation of groupConversations({ chatKey, messages: own })) {
      const split = splitOf(chatKey, conversation.startMs, timezone, conversation.messages[0]!.rowId);
      sides[split === 'train' ? 'deleted' : 'unseen'].push(...conversation.messages);
    }
  }
  if (sides.deleted.length === 0) return undefined;
  return {
    deleted: sampleOf(sides.deleted),
    unseen: sampleOf(sides.unseen),
    redact: redactorOf(redaction),
    backend: 'simd',
  };
}

async function lossOf(
  served: Checkpoint,
  serves: string | null,
  texts: LossTexts,
  { modelsDir, base, onPhase }: ForgetOptions,
): Promise<LossReceipt | null> {
  onPhase?.('measuring what the model had learned of it');
  const before = await measureLoss(served, served.runId, texts);
  if (before === undefined) return null;
  const clean = serves === null ? undefined : loadServing(modelsDir);
  const after =
    clean !== undefined
      ? await measureLoss(clean, clean.runId, texts)
      : base === undefined
        ? undefined
        : await measureLoss(loadCleanBase(base), 'base', texts);
  const figures = ({ model, deleted, unseen }: MeasuredLoss): MeasuredLoss => ({ model, deleted, unseen });
  return { bytes: before.bytes, before: figures(before), after: after === undefined ? null : figures(after) };
}
