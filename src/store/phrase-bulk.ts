/**
 * The phrases of very many messages. Hashes come in no order, so that each one written at once would touch a page of its
 * own; collected and written in the order of the hash, neighbours share a page.
 */
import type { Database } from 'better-sqlite3';
import { phraseHashes } from '../util/phrases.ts';
import { check, errorCode } from '../util/errors.ts';
import { inShortTransactions } from './short-transactions.ts';

export interface PhraseBulk {
  /** true: it is time to flush */
  add(messageId: number, text: string): boolean;
  /** Writes what was collected, a short transaction a step; phrases of messages that are gone by then are dropped. */
  flush(): Generator<void, void>;
}

/** rows that one statement writes */
const rowsAtOnce = 16;
/** what can be put in order at once */
const positions = 2 ** 22;
/** 16 bytes each while they wait, in room for a power of two */
const mostWaiting = 1_000_000;

export function createPhraseBulk(db: Database, chatId: number): PhraseBulk {
  const table = (name: string): Table => ({
    one: db.prepare<(bigint | number)[]>(`INSERT INTO ${name} VALUES (?, ?, ?)`),
    some: db.prepare<(bigint | number)[]>(
      `INSERT INTO ${name} VALUES ${Array.from({ length: rowsAtOnce }, () => '(?, ?, ?)').join(', ')}`,
    ),
    waiting: new Waiting(),
  });
  const sixes = table('phrases');
  const shorts = table('short_messages');

  /** @returns false where a message was erased meanwhile */
  function insert(statement: Insert, { hashes, messageIds }: Waiting, places: Float64Array): boolean {
    const rows: (bigint | number)[] = [];
    for (const at of places) rows.push(hashes[at]!, chatId, messageIds[at]!);
    try {
      statement.run(...rows);
      return true;
    } catch (error) {
      if (errorCode(error) !== 'SQLITE_CONSTRAINT_FOREIGNKEY') throw error;
      return false;
    }
  }
  function* write({ one, some, waiting }: Table): Generator<void, void> {
    const order = waiting.order();
    yield* inShortTransactions(db, Math.ceil(order.length / rowsAtOnce), (n) => {
      const places = order.subarray(n * rowsAtOnce, (n + 1) * rowsAtOnce);
      if (places.length === rowsAtOnce && insert(some, waiting, places)) return;
      for (let i = 0; i < places.length; i++) insert(one, waiting, places.subarray(i, i + 1));
    });
    waiting.length = 0;
  }
  return {
    add: (messageId, text) => {
      const hashes = phraseHashes(text);
      for (const hash of hashes.sixes) sixes.waiting.push(hash, messageId);
      if (hashes.short !== null) shorts.waiting.push(hashes.short, messageId);
      return sixes.waiting.length + shorts.waiting.length > mostWaiting;
    },
    *flush() {
      yield* write(sixes);
      yield* write(shorts);
    },
  };
}

interface Insert {
  /** hash, chat and message of each row */
  run(...rows: (bigint | number)[]): unknown;
}

interface Table {
  one: Insert;
  /** for `rowsAtOnce` rows: all of them or none */
  some: Insert;
  waiting: Waiting;
}

/** Hashes and the messages they are of; grows as needed and keeps its room. */
class Waiting {
  hashes = new BigInt64Array(1 << 12);
  messageIds = new Float64Array(1 << 12);
  length = 0;

  push(hash: bigint, messageId: number): void {
    if (this.length === this.hashes.length) {
      const { hashes, messageIds } = this;
      this.hashes = new BigInt64Array(hashes.length * 2);
      this.messageIds = new Float64Array(hashes.length * 2);
      this.hashes.set(hashes);
      this.messageIds.set(messageIds);
    }
    this.hashes[this.length] = hash;
    this.messageIds[this.length++] = messageId;
  }

  /** Positions by ascending hash, of which 30 bits decide. */
  order(): Float64Array {
    check(this.length <= positions, `${this.length} phrases wait at once`);
    const order = new Float64Array(this.length);
    for (let at = 0; at < this.length; at++) {
      order[at] = Math.floor(Number(this.hashes[at]) / 2 ** 34) * positions + at;
    }
    order.sort(); // numbers alone need no comparison of our own, and no second array
    for (let n = 0; n < order.length; n++) order[n] = order[n]! - Math.floor(order[n]! / positions) * positions;
    return order;
  }
}
