/**
 * Why did the bot say that? What it said last with run, seed and settings, and the lines of the persona, consented to,
 * that it is nearest to: those that share most of its word pairs, then of its words. Nearness in words is no proof that
 * a line caused a reply; it is where to look. Not covered: which of the persona's other lines shaped the style.
 */
import type { Database } from 'better-sqlite3';
import { parseHidden } from './review-hidden.ts';
import { playedMark } from './rows.ts';
import type { SearchIndex } from './search-index.ts';
import { wordsIn } from './search-words.ts';
import type { Openness } from './review-open.ts';
import type { SamplingOptions } from '../types.ts';

export interface SentReply {
  id: number;
  atMs: number;
  chatId: number;
  runId: string;
  backend: string;
  seed: number;
  sampling: SamplingOptions;
  bubbles: string[];
  latencyMs: number;
  /** rows of the prompt, oldest first, as far as they are stored */
  promptRowIds: number[];
}

export interface NearExample {
  messageId: number;
  chatId: number;
  timestampMs: number;
  text: string;
  /** share of the reply's words and word pairs that stand in it, 0 to 1 */
  nearness: number;
}

export interface ReviewReplies {
  /** newest first. @param before an id: older ones than that; @param chatId only there */
  list(options?: { chatId?: number; before?: number; limit?: number }): SentReply[];
  get(id: number): SentReply | undefined;
  /** Lines of this person's own nearest to a text, nearest first; neither rejected ones nor those said in another's part. */
  nearest(text: string, personaId: number, limit?: number): NearExample[];
}

/** looked at for each word or pair, newest first */
const candidatesEach = 200;
/** pairs and words of a reply that are looked for */
const maxProbes = 24;
/** lines that share most of them, compared as a whole */
const maxCompared = 200;

interface Row {
  id: number;
  at_ms: number;
  chat_id: number;
  run_id: string;
  backend: string;
  seed: number;
  sampling: string;
  bubbles: string;
  latency_ms: number;
  prompt_row_ids: string;
}

interface Candidate {
  id: number;
  chat_id: number;
  person_id: number;
  timestamp_ms: number;
  text: string;
  hidden: string | null;
}

export function createReviewReplies(
  db: Database,
  { index, openness }: { index: SearchIndex; openness: Openness },
): ReviewReplies {
  const columns =
    'id, at_ms, chat_id, run_id, backend, seed, sampling, bubbles, latency_ms, prompt_row_ids FROM replies';
  const list = db.prepare<[number, number], Row>(`SELECT ${columns} WHERE id < ? ORDER BY id DESC LIMIT ?`);
  const listOf = db.prepare<[number, number, number], Row>(
    `SELECT ${columns} WHERE chat_id = ? AND id < ? ORDER BY id DESC LIMIT ?`,
  );
  const byId = db.prepare<[number], Row>(`SELECT ${columns} WHERE id = ?`);
  const idsOfPerson = db
    .prepare<{ id: number }, number>(
      `SELECT p.id FROM people p, people asked
    WHERE asked.id = :id AND COALESCE(p.merged_into, p.id) = COALESCE(asked.merged_into, asked.id)`,
    )
    .pluck();
  const candidate = db.prepare<[number], Candidate>(`
    SELECT m.id, m.chat_id, m.person_id, m.timestamp_ms, m.text, r.hidden FROM visible_messages m
    LEFT JOIN reviews r ON r.message_id = m.id
    WHERE m.id = ? AND m.origin <> 'bot' AND m.quoted_wa_id IS NOT '${playedMark}' AND r.decision IS NOT 'rejected'`);

  const toReply = (row: Row): SentReply => ({
    id: row.id,
    atMs: row.at_ms,
    chatId: row.chat_id,
    runId: row.run_id,
    backend: row.backend,
    seed: row.seed,
    sampling: JSON.parse(row.sampling) as SamplingOptions,
    bubbles: JSON.parse(row.bubbles) as string[],
    latencyMs: row.latency_ms,
    promptRowIds: JSON.parse(row.prompt_row_ids) as number[],
  });

  const nearest: ReviewReplies['nearest'] = (text, personaId, limit = 5) => {
    const wanted = gramsOf(text);
    if (wanted.size === 0) return [];
    index.step(10);
    const person = `tags : (${idsOfPerson
      .all({ id: personaId })
      .map((id) => `"p${id}"`)
      .join(' OR ')})`;
    // pairs first, long words before short ones: they say more
    const probes = [...wanted].sort((a, b) => Number(b.includes(' ')) - Number(a.includes(' ')) || b.length - a.length);
    const hits = index.ask((open) => {
      const find = open.prepare<[string, number], { rowid: number }>(
        'SELECT rowid FROM words WHERE words MATCH ? ORDER BY rowid DESC LIMIT ?',
      );
      const count = new Map<number, number>();
      for (const probe of probes.slice(0, maxProbes)) {
        for (const { rowid } of find.all(`text : "${probe}" AND ${person}`, candidatesEach)) {
          count.set(rowid, (count.get(rowid) ?? 0) + 1);
        }
      }
      return count;
    });
    openness.refresh();
    const likeliest = [...hits].sort((a, b) => b[1] - a[1] || b[0] - a[0]).slice(0, maxCompared);
    const found = likeliest.flatMap(([id]): NearExample[] => {
      const row = candidate.get(id);
      if (row === undefined || parseHidden(row.hidden, row.text).length > 0) return [];
      if (!openness.isSure(row.chat_id, row.person_id)) return [];
      const own = gramsOf(row.text);
      const shared = [...wanted].filter((gram) => own.has(gram)).length;
      const nearness = (2 * shared) / (wanted.size + own.size); // Dice: a long line has everything
      return [{ messageId: id, chatId: row.chat_id, timestampMs: row.timestamp_ms, text: row.text, nearness }];
    });
    return found
      .sort((a, b) => b.nearness - a.nearness || b.timestampMs - a.timestampMs || b.messageId - a.messageId)
      .slice(0, limit);
  };

  return {
    list: ({ chatId, before = Number.MAX_SAFE_INTEGER, limit = 20 } = {}) => {
      const count = Math.max(1, Math.min(200, limit));
      const rows = chatId === undefined ? list.all(before, count) : listOf.all(chatId, before, count);
      return rows.map(toReply);
    },
    get: (id) => {
      const row = byId.get(id);
      return row && toReply(row);
    },
    nearest,
  };
}

/** Words of a text and pairs of neighbours. */
function gramsOf(text: string): Set<string> {
  const words = wordsIn(text).map((word) => word.text);
  return new Set([...words, ...words.slice(1).map((word, at) => `${words[at]!} ${word}`)]);
}
