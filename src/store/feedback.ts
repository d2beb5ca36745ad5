/**
 * What people made of the bot's replies: reactions, `!again`, corrections. Counts for the report card, and the replies that
 * somebody disliked in a chat, for that chat alone. A reply's text is looked up, never copied, so it goes when the reply goes.
 */
import type { Database } from 'better-sqlite3';
import type { Lookups } from './lookups.ts';
import { correctionMark } from './rows.ts';
import type { Replies } from './replies.ts';

export interface FeedbackCounts {
  /** rows of `!no ...` */
  corrections: number;
  /** replies asked for again */
  again: number;
  /** reactions to replies, by what the emoji says */
  liked: number;
  disliked: number;
  other: number;
  /** newest row when this was counted: where the next count begins */
  newestRowId: number;
}

export interface Feedback {
  /** The owner asked for another reply in the place of this one. A second time changes nothing. */
  again(outboxId: number): void;
  /** @param after what was counted before: corrections with a higher row id, the rest from this time on */
  since(after: { atMs: number; rowId: number }): FeedbackCounts;
  /** Bubbles of the replies of this chat that were disliked in the last 30 days, newest first, at most 20. */
  disliked(chatId: number): string[][];
}

/** Of skin tone and presentation nothing is left when these are compared. */
const likes = new Set('👍❤🧡💛💚💙💜🖤🤍🤎😂🤣😆😄😁😊🙂😍🥰😘🤩🔥👏🙌💯🎉🙏💪✅😎🤗🫶'.match(/./gu));
const dislikes = new Set('👎😡😠🤬😤🙄😒😑😐🤮🤢💩❌🚫😞😔😢😭😬🤦🤨😕🙁☹'.match(/./gu));

export type Opinion = 'liked' | 'disliked' | 'other';

/** What a reaction says of a reply; most say neither. */
export function opinionOf(emoji: string): Opinion {
  const [first = ''] = emoji.match(/./gu) ?? [];
  if (likes.has(first)) return 'liked';
  return dislikes.has(first) ? 'disliked' : 'other';
}

const rememberedMs = 30 * 24 * 3_600_000;
const remembered = 20;

interface Parts {
  lookups: Pick<Lookups, 'sent'>;
  replies: Pick<Replies, 'get'>;
  now: () => number;
}

export function createFeedback(db: Database, { lookups, replies, now }: Parts): Feedback {
  const ask = db.prepare<[number, number]>('INSERT INTO again_requests VALUES (?, ?) ON CONFLICT DO NOTHING');
  const asked = db.prepare<[number], { n: number }>('SELECT COUNT(*) AS n FROM again_requests WHERE at_ms >= ?');
  const newest = db.prepare<[], { id: number | null }>('SELECT MAX(id) AS id FROM messages');
  const corrected = db.prepare<[number, string], { n: number }>(
    `SELECT COUNT(*) AS n FROM visible_messages WHERE id > ? AND instr(quoted_wa_id, ?) = 1`,
  );
  const reactions = db.prepare<[number], { emoji: string; n: number }>(`
    SELECT r.emoji, COUNT(*) AS n FROM reactions r
    JOIN visible_messages m ON m.chat_id = r.chat_id AND m.wa_id = r.message_wa_id AND m.origin = 'bot'
    WHERE r.at_ms >= ? GROUP BY r.emoji`);
  const inChat = db.prepare<
    { chatId: number; mark: string; sinceMs: number },
    { wa_id: string; emoji: string | null }
  >(`
    SELECT m.wa_id, r.emoji, r.at_ms FROM reactions r
      JOIN visible_messages m ON m.chat_id = r.chat_id AND m.wa_id = r.message_wa_id AND m.origin = 'bot'
      WHERE r.chat_id = :chatId AND r.at_ms >= :sinceMs
    UNION ALL
    SELECT o.wa_id, NULL, a.at_ms FROM again_requests a JOIN outbox o ON o.id = a.outbox_id
      WHERE o.chat_id = :chatId AND o.wa_id IS NOT NULL AND a.at_ms >= :sinceMs
    UNION ALL
    SELECT substr(quoted_wa_id, length(:mark) + 1), NULL, timestamp_ms FROM visible_messages
      WHERE chat_id = :chatId AND instr(quoted_wa_id, :mark) = 1 AND timestamp_ms >= :sinceMs
    ORDER BY 3 DESC`);

  return {
    again: (outboxId) => {
      ask.run(outboxId, now());
    },
    since: ({ atMs, rowId }) => {
      const counts = { liked: 0, disliked: 0, other: 0 };
      for (const { emoji, n } of reactions.all(atMs)) counts[opinionOf(emoji)] += n;
      return {
        corrections: corrected.get(rowId, correctionMark)!.n,
        again: asked.get(atMs)!.n,
        ...counts,
        newestRowId: newest.get()?.id ?? 0,
      };
    },
    disliked: (chatId) => {
      const found = new Map<number, string[]>();
      for (const { wa_id, emoji } of inChat.all({ chatId, mark: correctionMark, sinceMs: now() - rememberedMs })) {
        if (emoji !== null && opinionOf(emoji) !== 'disliked') continue;
        const replyId = lookups.sent(chatId, wa_id)?.replyId ?? null;
        const reply = replyId === null ? undefined : replies.get(replyId);
        if (reply !== undefined) found.set(reply.id, reply.bubbles);
        if (found.size === remembered) break;
      }
      return [...found.values()];
    },
  };
}
