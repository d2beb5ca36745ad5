/** The part of a report card that changes after the night: what people answered in the blind quiz (quiz.ts). */
import { existsSync, readFileSync } from 'node:fs';
import { writeFileAtomic } from '../../util/files.ts';
import { wilson } from '../../util/intervals.ts';

export interface QuizScore {
  answers: number;
  /** answers that took the sample for the real reply */
  fooled: number;
}

const from = '<!-- quiz -->';
const to = '<!-- end of quiz -->';

/** Lines between two marks that nobody sees, to be replaced. @param score null: nobody was asked yet */
export function quizSection(score: QuizScore | null): string[] {
  return [
    from,
    '',
    score === null || score.answers === 0
      ? 'Nobody has tried yet: `persona quiz`, or `!quiz` in your own chat.'
      : foolingSentence(score),
    '',
    to,
  ];
}

/** `Fooling rate 40 % (17 to 69 %): ...` */
export function foolingSentence({ answers, fooled }: QuizScore): string {
  const { low, high } = wilson(fooled, answers);
  const percent = (share: number): string => String(Math.round(share * 100));
  return `Fooling rate ${percent(answers === 0 ? 0 : fooled / answers)} % (${percent(low)} to ${percent(high)} %): in ${fooled} of ${answers} questions a sampled reply was taken for the real one. 50 % would be a coin; the interval is Wilson's, 95 %.`;
}

/** Put the score into a card that is there already. A card that is gone, or without the marks, is left alone. */
export function updateQuizSection(cardFile: string, score: QuizScore): void {
  if (!existsSync(cardFile)) return;
  const text = readFileSync(cardFile, 'utf8');
  const [start, end] = [text.indexOf(from), text.indexOf(to)];
  if (start === -1 || end < start) return;
  writeFileAtomic(cardFile, text.slice(0, start) + quizSection(score).join('\n') + text.slice(end + to.length));
}
