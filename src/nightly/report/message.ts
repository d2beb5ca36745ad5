/** A night in one message to the owner: numbers, the verdict, and where the report is. No text of anybody's messages. */
import { fill, type Phrases } from '../../consent/notice.ts';
import type { RetrainReport } from '../findings.ts';
import type { CardFigures } from './figures.ts';

type NightPhrase =
  'nightPromoted' | 'nightKept' | 'nightBits' | 'nightChange' | 'nightLearned' | 'nightTold' | 'nightReport';

/** A night as the store keeps it. */
export interface StoredNight {
  id: string;
  verdict: 'promoted' | 'kept' | 'skipped';
  reason: string;
  /** what of it is there is said */
  report: Partial<RetrainReport> & { card?: CardFigures };
}

/**
 * @param phrases sentences in the owner's language
 * @param options.reportFile undefined: there is no report card
 * @returns undefined for a night that was skipped, which is nothing to tell
 */
export function ownerMessage(
  { id, verdict, reason, report }: StoredNight,
  phrases: Pick<Phrases, NightPhrase>,
  { personaName, reportFile }: { personaName: string; reportFile: string | undefined },
): string | undefined {
  if (verdict === 'skipped') return undefined;
  const say = (key: NightPhrase, values: Record<string, string | number>): string => fill(phrases[key], values);
  const run = report.card?.heldOut?.models.run;
  const champion = report.card?.heldOut?.models.champion;
  const told = report.card?.manner?.twoSample;
  const train = report.dataset?.train;
  const bits = run?.bitsPerByte ?? report.test?.run?.bitsPerByte;
  return [
    verdict === 'promoted' ? say('nightPromoted', { run: id }) : say('nightKept', { reason }),
    ...(train === undefined ? [] : [say('nightLearned', { messages: train.personaMessages, persona: personaName })]),
    ...(bits === undefined ? [] : [say('nightBits', { bits: bits.toFixed(3) })]),
    ...(champion?.runAgainstIt === undefined || champion.runAgainstIt === null
      ? []
      : [say('nightChange', { change: signed(champion.runAgainstIt.mean) })]),
    ...(told === undefined || told === null ? [] : [say('nightTold', { percent: Math.round(told.auc * 100) })]),
    ...(reportFile === undefined ? [] : [say('nightReport', { file: reportFile })]),
  ].join('\n');
}

const signed = (share: number): string => `${share > 0 ? '+' : ''}${(share * 100).toFixed(1)}`;
