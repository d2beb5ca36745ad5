/**
 * Replies with everything needed to make them again (`persona replay`): run, seed, sampling, the rows that were
 * in the prompt. The prompt itself is not kept, so erasing a message erases it from here too.
 */
import type { Database } from 'better-sqlite3';
import type { BackendName, SamplingOptions } from '../types.ts';

export interface NewReply {
  chatId: number;
  /** WhatsApp id of the message that was answered */
  inReplyTo: string;
  runId: string;
  backend: BackendName;
  seed: number;
  sampling: SamplingOptions;
  promptRowIds: number[];
  promptHash: string;
  bubbles: string[];
  latencyMs: number;
  outboxId: number;
}

export interface StoredReply extends NewReply {
  id: number;
  atMs: number;
}

export interface Replies {
  add(reply: NewReply): number;
  get(id: number): StoredReply | undefined;
  /** newest first */
  list(limit: number): StoredReply[];
}

interface Row {
  id: number;
  at_ms: number;
  chat_id: number;
  in_reply_to: string;
  run_id: string;
  backend: BackendName;
  seed: number;
  sampling: string;
  prompt_row_ids: string;
  prompt_hash: string;
  bubbles: string;
  latency_ms: number;
  outbox_id: number;
}

const toReply = (row: Row): StoredReply => ({
  id: row.id,
  atMs: row.at_ms,
  chatId: row.chat_id,
  inReplyTo: row.in_reply_to,
  runId: row.run_id,
  backend: row.backend,
  seed: row.seed,
  sampling: JSON.parse(row.sampling) as SamplingOptions,
  promptRowIds: JSON.parse(row.prompt_row_ids) as number[],
  promptHash: row.prompt_hash,
  bubbles: JSON.parse(row.bubbles) as string[],
  latencyMs: row.latency_ms,
  outboxId: row.outbox_id,
});

export function createReplies(db: Database, now: () => number): Replies {
  const insert = db.prepare('INSERT INTO replies VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)');
  const byId = db.prepare<[number], Row>('SELECT * FROM replies WHERE id = ?');
  const newest = db.prepare<[number], Row>('SELECT * FROM replies ORDER BY id DESC LIMIT ?');
  return {
    add: (reply) => {
      const { lastInsertRowid } = insert.run(
        now(),
        reply.chatId,
        reply.inReplyTo,
        reply.runId,
        reply.backend,
        reply.seed,
        JSON.stringify(reply.sampling),
        JSON.stringify(reply.promptRowIds),
        reply.promptHash,
        JSON.stringify(reply.bubbles),
        reply.latencyMs,
        reply.outboxId,
      );
      return Number(lastInsertRowid);
    },
    get: (id) => {
      const row = byId.get(id);
      return row && toReply(row);
    },
    list: (limit) => newest.all(limit).map(toReply),
  };
}
