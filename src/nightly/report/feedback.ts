/**
 * What people made of the replies since the night before, and what of it counts tonight. Counts only.
 * Corrections (`!no ...`) are human text and therefore targets, up to a cap (dataset/corrections.ts). Reactions and `!again`
 * are no text: they only put what was disliked in a chat behind other candidates there (reply/disliked.ts).
 */
import type { FeedbackCounts } from '../../store/feedback.ts';
import type { CorrectionCounts } from '../../dataset/corrections.ts';

export interface Feedback {
  /** since the run before this one that was not skipped; from the beginning where there is none */
  since: FeedbackCounts;
  /** in tonight's dataset */
  corrections: CorrectionCounts;
}

/** Sentences for the report card. */
export function describeFeedback({ since, corrections }: Feedback): string[] {
  const { liked, disliked, other, again } = since;
  const counted = (count: number, one: string, several: string): string => `${count} ${count === 1 ? one : several}`;
  if (liked + disliked + other + again + since.corrections + corrections.learned + corrections.beyondCap === 0) {
    return ['No feedback yet: no correction, no reaction to a reply, none asked for again.'];
  }
  return [
    `Feedback since the last run: ${counted(since.corrections, 'correction', 'corrections')} (\`!no\`), ${counted(again, 'reply', 'replies')} asked for again, reactions to replies: ${liked} liked, ${disliked} disliked, ${other} other. What was disliked in a chat is chosen last there.`,
    '',
    `Corrections that count tonight: ${corrections.learned} learned, each in the place of the reply it corrects${corrections.heldOut > 0 ? `, ${corrections.heldOut} held out to measure by` : ''}${corrections.beyondCap > 0 ? `, ${corrections.beyondCap} beyond the cap of one chat (read, not learned)` : ''}.`,
  ];
}
