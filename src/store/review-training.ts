/**
 * Which stored messages may be learned from, after what was said of them on the review page: rejected ones, what is left
 * out, and where review is required what nobody approved, are not; hidden words are masked, and a line that was written
 * anew stands in the place of the persona's.
 */
import type { Database } from 'better-sqlite3';
import { maskText, parseHidden } from './review-hidden.ts';
import type { MessageRow } from './rows.ts';

/** Columns that a row to learn from has beside its own. */
export interface ReviewedRow extends MessageRow {
  decision: 'approved' | 'rejected' | null;
  hidden: string | null;
  line: string | null;
}

/** Messages that consent would allow and the owner does not, by why. */
export interface ReviewLeftOut {
  rejectedMessages: number;
  /** their person, chat or time is left out */
  excludedMessages: number;
  /** nobody approved them, where review is required */
  undecidedMessages: number;
}

export type ReviewReason = 'rejected' | 'excluded' | 'undecided';

/** SQL: the columns of `ReviewedRow`, of visible_messages m. */
export const reviewedColumns = 'm.*, r.decision, r.hidden, l.text AS line';
export const reviewedJoin =
  'LEFT JOIN reviews r ON r.message_id = m.id LEFT JOIN review_lines l ON l.id = r.line_id AND l.message_id = m.id';

export interface ReviewGate {
  /** Exclusions as they are now: why a row is left out, undefined: it may be learned from. */
  reasons(
    isRequired: boolean,
  ): (row: Pick<ReviewedRow, 'chat_id' | 'person_id' | 'timestamp_ms' | 'decision'>) => ReviewReason | undefined;
}

interface ExclusionRow {
  person_id: number | null;
  chat_id: number | null;
  from_ms: number | null;
  to_ms: number | null;
}

export function createReviewGate(db: Database): ReviewGate {
  const exclusions = db.prepare<[], ExclusionRow>(`
    SELECT COALESCE(p.merged_into, e.person_id) AS person_id, e.chat_id, e.from_ms, e.to_ms
    FROM review_exclusions e LEFT JOIN people p ON p.id = e.person_id WHERE e.is_active = 1`);
  return {
    reasons: (isRequired) => {
      const active = exclusions.all();
      return (row) => {
        if (row.decision === 'rejected') return 'rejected';
        if (active.some((exclusion) => covers(exclusion, row))) return 'excluded';
        return isRequired && row.decision !== 'approved' ? 'undecided' : undefined;
      };
    },
  };
}

function covers(exclusion: ExclusionRow, row: Pick<ReviewedRow, 'chat_id' | 'person_id' | 'timestamp_ms'>): boolean {
  return (
    (exclusion.person_id === null || exclusion.person_id === row.person_id) &&
    (exclusion.chat_id === null || exclusion.chat_id === row.chat_id) &&
    (exclusion.from_ms === null || row.timestamp_ms >= exclusion.from_ms) &&
    (exclusion.to_ms === null || row.timestamp_ms < exclusion.to_ms)
  );
}

/** The text as a model may see it. @param isTarget the persona's own message, to be learned: a line written anew counts */
export function seenText(
  { text, hidden, line }: Pick<ReviewedRow, 'text' | 'hidden' | 'line'>,
  isTarget: boolean,
): ReturnType<typeof maskText> {
  if (isTarget && line !== null) return { text: line, hidden: [] };
  return maskText(text, parseHidden(hidden, text));
}
