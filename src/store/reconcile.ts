/**
 * What was said since a copy was made outlives its restoring: a restore must not undo a no. Into the copy go, from the
 * database that it will replace: every ledger line it lacks, people known under more ids by now, what is switched on
 * and off in chats, and the outbox, so that nothing is answered twice. People who were forgotten since are erased from
 * the copy (known by id, or by their tombstones), and so are messages that were deleted or edited since, where the copy is this database's own past.
 */
import type { Database } from 'better-sqlite3';
import { consentState, isRefused, type Standing } from '../consent/policy.ts';
import type { ConsentEvent } from '../types.ts';
import { Store } from './store.ts';

/** How much the copy was changed. */
export interface Reconciled {
  /** ledger lines added */
  consentEvents: number;
  /** people erased because they were forgotten since */
  forgotten: number;
  /** messages erased or edited since, and so here */
  messages: number;
}

/**
 * @param restored the copy, open for writing and at the newest schema
 * @param presentFile the database it will replace; only read
 * @param isWhole the present database is undamaged, so that a message it lacks was deleted
 */
export function reconcile(
  restored: Database,
  present: Database,
  { presentFile, isWhole, now }: { presentFile: string; isWhole: boolean; now: () => number },
): Reconciled {
  const into = new Store(restored, now);
  const from = new Store(present, now);
  restored.prepare('ATTACH ? AS present').run(presentFile);
  try {
    const isOwnPast = isWhole && isPastOf(restored);
    return into.transaction(() => {
      const chats = carrySwitches(into, from, restored);
      const { people, ...counts } = carryLedger(into, from, chats, now);
      into.tombstones.take(from.tombstones.all(), (id) => people.get(id));
      counts.forgotten += forgetBuried(into, new Set(people.values()), now);
      carryReceipts(restored, people);
      // what was found out about a run that saw them may quote them
      restored.exec(`UPDATE main.runs SET report = '{}' WHERE id IN (SELECT id FROM present.runs WHERE report = '{}')`);
      const messages = isOwnPast ? carryDeletions(into, restored) : 0;
      carryOutbox(restored);
      return { ...counts, messages };
    });
  } finally {
    into.scrub();
    restored.exec('DETACH present');
  }
}

/**
 * The present database grew out of the copy: it has every ledger line of it unchanged, and no message of the copy is
 * newer than the present ones or stands under the id of another one there.
 */
function isPastOf(restored: Database): boolean {
  const { lines, alien } = restored
    .prepare<[], { lines: number; alien: number }>(
      `SELECT COUNT(*) AS lines, COUNT(*) FILTER (WHERE p.id IS NULL) AS alien
       FROM main.consent_events b LEFT JOIN present.consent_events p
         ON p.id = b.id AND p.person_id = b.person_id AND p.scope = b.scope AND p.action = b.action AND p.at_ms = b.at_ms`,
    )
    .get()!;
  const { other } = restored
    .prepare<[], { other: number }>(
      `SELECT EXISTS (SELECT 1 FROM main.messages
           WHERE id > COALESCE((SELECT seq FROM present.sqlite_sequence WHERE name = 'messages'), 0))
         OR EXISTS (SELECT 1 FROM main.messages b JOIN present.messages p ON p.id = b.id
           WHERE p.chat_id <> b.chat_id OR (p.wa_id <> b.wa_id AND p.text <> b.text)) AS other`,
    )
    .get()!;
  return lines > 0 && alien === 0 && other === 0;
}

/** Chats as they are switched now, with who is in them. Returns the copy's chat for each present one. */
function carrySwitches(into: Store, from: Store, restored: Database): Map<number, number> {
  const set = restored.prepare<[number, number, number | null, number | null, number]>(
    'UPDATE main.chats SET collect = ?, bot = ?, collect_since_ms = ?, disclosed_at_ms = ? WHERE id = ?',
  );
  const ids = new Map<number, number>();
  for (const chat of from.chats.list()) {
    const id = into.chats.resolve(chat.key, chat.kind);
    set.run(chat.collect ? 1 : 0, chat.bot ? 1 : 0, chat.collectSinceMs, chat.disclosedAtMs, id);
    ids.set(chat.id, id);
  }
  return ids;
}

function carryLedger(
  into: Store,
  from: Store,
  chats: ReadonlyMap<number, number>,
  now: () => number,
): { consentEvents: number; forgotten: number; people: Map<number, number> } {
  const counts = { consentEvents: 0, forgotten: 0 };
  const people = new Map<number, number>();
  for (const person of from.people.list()) {
    if (person.aliases.length === 0) continue; // nothing to know them by, here or there
    const id = into.people.resolve(person.aliases);
    people.set(person.id, id);
    const before = standings(into, id);
    const missing = subtract(from.consent.history(person.id), into.consent.history(id));
    for (const event of missing) {
      const chatId = event.chatId === null ? null : (chats.get(event.chatId) ?? null);
      into.consent.append({ ...event, personId: id, chatId });
    }
    counts.consentEvents += missing.length;
    if (missing.some(({ action }) => action === 'forgotten')) {
      into.forget(id);
      counts.forgotten++;
    }
    counts.consentEvents += keepRefusals(into, id, [before, standings(from, person.id)], now);
  }
  for (const [presentChat, chatId] of chats) {
    for (const member of from.chats.members(presentChat)) {
      const id = people.get(from.consent.root(member));
      if (id !== undefined) into.chats.addMember(chatId, id);
    }
  }
  return { ...counts, people };
}

/** Who was known by an export's name only has no id left in the present database: their tombstones tell. */
function forgetBuried(into: Store, known: ReadonlySet<number>, now: () => number): number {
  let count = 0;
  for (const { id, aliases } of into.people.list()) {
    if (known.has(id)) continue; // their ledger was carried over
    const { state } = into.consent.state(id, 'log');
    if (state === 'granted' || isRefused(state) || !aliases.some((alias) => into.tombstones.hasAlias(alias))) continue;
    into.consent.append({ personId: id, scope: 'log', action: 'forgotten', atMs: now(), noticeHash: '', chatId: null });
    into.forget(id);
    count++;
  }
  return count;
}

/** What was erased stays on record, under the ids of the people here. */
function carryReceipts(restored: Database, people: ReadonlyMap<number, number>): void {
  const insert = restored.prepare(
    `INSERT INTO main.receipts (person_id, begun_ms, finished_ms, report) SELECT :person_id, :begun_ms, :finished_ms, :report
     WHERE NOT EXISTS (SELECT 1 FROM main.receipts WHERE begun_ms = :begun_ms AND report = :report)`,
  );
  const rows = restored
    .prepare<[], { person_id: number | null; begun_ms: number; finished_ms: number | null; report: string }>(
      'SELECT person_id, begun_ms, finished_ms, report FROM present.receipts ORDER BY id',
    )
    .all();
  for (const { person_id: person, ...row } of rows) {
    insert.run({ ...row, person_id: person === null ? null : (people.get(person) ?? null) });
  }
}

interface Standings {
  log: Standing;
  imitate: Standing;
}

function standings(store: Store, personId: number): Standings {
  const history = store.consent.history(personId);
  return { log: consentState(history, 'log'), imitate: consentState(history, 'imitate') };
}

/** The later word of the two ledgers counts; a refusal that the order of lines would hide is written once more. */
function keepRefusals(into: Store, id: number, sides: readonly Standings[], now: () => number): number {
  let added = 0;
  for (const scope of ['log', 'imitate'] as const) {
    const last = sides
      .map((side) => side[scope])
      .sort(
        (a, b) =>
          (a.sinceMs ?? -Infinity) - (b.sinceMs ?? -Infinity) ||
          Number(isRefused(a.state)) - Number(isRefused(b.state)),
      )
      .at(-1);
    if (last === undefined || !isRefused(last.state) || isRefused(into.consent.state(id, scope).state)) continue;
    const action = last.state === 'declined' ? 'declined' : 'withdrawn';
    into.consent.append({ personId: id, scope, action, atMs: now(), noticeHash: '', chatId: null });
    added++;
  }
  return added;
}

/** The lines of `all` that `known` lacks, in order; each line counts as often as it stands there. */
function subtract(all: readonly ConsentEvent[], known: readonly ConsentEvent[]): ConsentEvent[] {
  const key = ({ scope, action, atMs, noticeHash }: ConsentEvent): string =>
    [scope, action, atMs, noticeHash].join(' ');
  const left = new Map<string, number>();
  for (const event of known) left.set(key(event), (left.get(key(event)) ?? 0) + 1);
  return all.filter((event) => {
    const count = left.get(key(event)) ?? 0;
    left.set(key(event), count - 1);
    return count <= 0;
  });
}

/** A row that is gone since was deleted by somebody; one that was edited says something else now. */
function carryDeletions(into: Store, restored: Database): number {
  const gone = restored
    .prepare<[], { chat_id: number; wa_id: string }>(
      'SELECT chat_id, wa_id FROM main.messages WHERE id NOT IN (SELECT id FROM present.messages)',
    )
    .all();
  for (const { chat_id: chatId, wa_id: waId } of gone) into.messages.erase(chatId, waId);
  const edited = restored
    .prepare<[], { chat_id: number; wa_id: string; text: string }>(
      `SELECT b.chat_id, b.wa_id, p.text FROM main.messages b JOIN present.messages p ON p.id = b.id AND p.wa_id = b.wa_id
       WHERE p.text <> b.text`,
    )
    .all();
  for (const { chat_id: chatId, wa_id: waId, text } of edited) into.messages.edit(chatId, waId, text);
  return gone.length + edited.length;
}

/** What was sent since: a message that has its reply gets no second one, and caps go on counting. */
function carryOutbox(restored: Database): void {
  restored
    .prepare(
      `INSERT INTO main.outbox (chat_id, kind, in_reply_to, text_hash, state, wa_id, at_ms)
       SELECT c.id, o.kind, o.in_reply_to, o.text_hash, o.state, o.wa_id, o.at_ms
       FROM present.outbox o JOIN present.chats pc ON pc.id = o.chat_id JOIN main.chats c ON c.key = pc.key
       WHERE NOT EXISTS (SELECT 1 FROM main.outbox b
         WHERE b.chat_id = c.id AND b.kind = o.kind AND b.at_ms = o.at_ms AND b.text_hash = o.text_hash)
       ORDER BY o.id
       ON CONFLICT DO NOTHING`,
    )
    .run();
}
