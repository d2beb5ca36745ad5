/**
 * The report card of a night: models/runs/<id>/report.md and curve.svg beside the weights, readable by this user alone. They
 * hold text of the chats, so they go where the run goes: a run that is pruned or retired takes its card with it.
 * Written after the run is saved and before it is published. Not covered: what is stored of a night (findings.ts).
 */
import { join } from 'node:path';
import { defaultRegions, rememberingRedactor, type RedactOptions } from '../../consent/redact.ts';
import { writeFileAtomic } from '../../util/files.ts';
import type { JudgedNight } from '../findings.ts';
import { curveSvg } from './curve-svg.ts';
import type { Feedback } from './feedback.ts';
import { figuresOf, type CardFigures, type ConversationCost } from './figures.ts';
import { cardMarkdown } from './markdown.ts';

export type { CardFigures } from './figures.ts';

export const cardName = 'report.md';
export const curveName = 'curve.svg';

export interface CardOptions {
  /** held-out conversations under each model; none: nothing is held out, or it was not measured one by one */
  costs?: readonly ConversationCost[];
  feedback?: Feedback | null;
  /** people and tokens of the train split */
  people?: number;
  tokens?: number;
  /** what placeholders stand for, as in training; default: no names, `defaultRegions` */
  redaction?: RedactOptions;
  /** print sampled and real replies; default true */
  withExchanges?: boolean;
}

/**
 * @param folder of the run, or any other
 * @returns the figures, which hold no text: for the store
 */
export function writeReportCard(folder: string, night: JudgedNight, options: CardOptions = {}): CardFigures {
  const { costs = [], feedback = null, redaction = { regions: defaultRegions }, withExchanges = true } = options;
  const { people, tokens } = options;
  const redact = rememberingRedactor(redaction);
  const figures = figuresOf(night, { costs, redact, feedback });
  writeFileAtomic(join(folder, curveName), curveSvg(night.curve, `Training of run ${night.run}`));
  const card = { night, figures, redact, withExchanges, people, tokens, curveFile: curveName };
  writeFileAtomic(join(folder, cardName), cardMarkdown(card));
  return figures;
}
