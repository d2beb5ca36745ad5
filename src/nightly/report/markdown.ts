/**
 * The report card of a run as Markdown: figures first, then ten sampled replies beside the real ones with placeholders for
 * what is sensitive. Text of people is escaped, so that nobody's message becomes a heading, a link or HTML.
 * Not covered: the figures (figures.ts) and where the file goes (card.ts).
 */
import type { DatasetManifest } from '../../dataset/build.ts';
import { describeFeedback } from './feedback.ts';
import type { RedactSpans } from '../../tokenizer/chat-format.ts';
import type { StyleParts } from '../../train/style.ts';
import type { Interval } from '../../util/intervals.ts';
import type { JudgedNight } from '../findings.ts';
import { exchangesSection } from './exchanges.ts';
import type { CardFigures, ComparedModel, HeldOutFigures, MannerFigures, ModelFigures } from './figures.ts';
import { escape, table } from './layout.ts';
import { quizSection } from './quiz-section.ts';

export interface CardText {
  night: JudgedNight;
  figures: CardFigures;
  redact: RedactSpans;
  /** false: where others would read what people wrote to each other; the section then says why it is empty */
  withExchanges: boolean;
  /** who wrote what is in the train split; undefined: not counted */
  people?: number | undefined;
  /** tokens of the train split, with those that are only read */
  tokens?: number | undefined;
  /** file of the curve, beside the card */
  curveFile: string;
}

export function cardMarkdown(card: CardText): string {
  const { night, figures, redact, withExchanges, curveFile } = card;
  const { feedback } = figures;
  const { report } = night;
  return [
    `# Report card of run ${night.run}`,
    '',
    `**${verdicts[night.verdict]}** ${sentence(night.reason)}`,
    '',
    ...list([...report.gate.failed.filter((each) => each !== night.reason), ...report.gate.notes]),
    ...dataSection(card),
    ...(feedback === null ? [] : ['', ...describeFeedback(feedback)]),
    '',
    '## Training',
    '',
    `![Loss over the steps of training](${curveFile})`,
    '',
    `${report.size} on ${report.backend}, ${report.base === null ? 'from random weights' : `from the base ${escape(report.base)}`}${report.baseFits ? '' : ' (not used: it does not read the language of these chats)'}: ${number(report.steps)} steps, ${counted(report.passes, 'pass', 'passes')}, ${number(report.tokensSeen)} tokens, ${duration(report.seconds)} with measuring; ended: ${escape(report.stoppedBecause)}.${report.resumed > 0 ? ` Interrupted and resumed ${counted(report.resumed, 'time', 'times')}.` : ''}`,
    ...(report.tried.length < 2
      ? []
      : [
          '',
          `Ways that were tried, by loss on the validation split: ${report.tried.map(({ way, validationNats }) => `${way} ${validationNats === null ? '-' : validationNats.toFixed(3)}${way === report.way ? ' (taken)' : ''}`).join(', ')}.`,
        ]),
    '',
    ...heldOutSection(figures.heldOut),
    ...mannerSection(figures.manner),
    ...checksSection(night),
    ...speedSection(night),
    '## Blind quiz',
    '',
    ...quizSection(null),
    '',
    ...exchangesSection(
      night.samples,
      redact,
      withExchanges ? undefined : 'the text of this chat is not ours to print',
    ),
    '',
  ].join('\n');
}

const verdicts = {
  promoted: 'Promoted.',
  kept: 'Not promoted; the model that served stays.',
  skipped: 'Skipped.',
} as const;

// === Sections

function dataSection({ night: { report }, people, tokens }: CardText): string[] {
  const rows = (['train', 'validation', 'test'] as const).map((split) => {
    const { conversations, messages, personaMessages, personaBytes } = report.dataset[split];
    return [splits[split], ...[conversations, messages, personaMessages, personaBytes].map(number)];
  });
  const facts = [
    ...(people === undefined ? [] : [counted(people, 'person', 'people')]),
    ...(tokens === undefined ? [] : [`${number(tokens)} tokens to learn from`]),
  ];
  return [
    '## What it learned from',
    '',
    ...table(['', 'conversations', 'messages', "the persona's", 'their bytes'], rows),
    '',
    ...(facts.length === 0 ? [] : [`${facts.join(', ')}.`, '']),
    `Left out: ${listed(leftOut(report.leftOut))}.`,
    ...report.dominant.flatMap(({ kind, share, among }) => [
      '',
      kind === 'person'
        ? `Note: one of ${among} people wrote ${percent(share)} of what is said to the persona.`
        : `Note: one of ${among} chats holds ${percent(share)} of what the persona says.`,
    ]),
  ];
}

const splits = {
  train: 'to learn from',
  validation: 'to stop early by',
  test: 'held out',
} as const;

/** What was left out, and why. */
function leftOut(counts: DatasetManifest['leftOut']): string[] {
  const reasons: [number, string][] = [
    [counts.sealedMessages, 'messages without consent, or whose consent was withdrawn'],
    [counts.rejectedMessages ?? 0, 'messages rejected on the review page'],
    [counts.excludedMessages ?? 0, 'messages by people, in chats or at times that were left out there'],
    [counts.undecidedMessages ?? 0, 'messages that nobody approved there'],
    [counts.emptyMessages, 'messages with neither text nor medium'],
    [counts.oldConversations, 'conversations that are too old'],
    [counts.repeatedConversations, 'conversations that are there twice'],
    [counts.nearRepeatedConversations, 'conversations that are nearly there twice'],
    [counts.repeatedMessages, 'long messages said before word for word, which are read and not learned'],
    [counts.nearRepeatedMessages, 'long messages said before nearly so, which are read and not learned'],
  ];
  return reasons.flatMap(([count, what]) => (count > 0 ? [`${what} (${number(count)})`] : []));
}

const modelNames: Record<ComparedModel, string> = {
  run: '**this run**',
  champion: 'the model that served',
  base: 'the base before it met the chat',
  ngram: 'byte 5-gram of the same chat',
};

function heldOutSection(heldOut: HeldOutFigures | null): string[] {
  const head = ['## Held-out replies', ''];
  if (heldOut === null) return [...head, 'Nothing is held out yet, so nothing could be measured.', ''];
  const { models, conversations, bytes, words } = heldOut;
  const rows = (Object.keys(modelNames) as ComparedModel[]).flatMap((name) => {
    const model = models[name];
    return model === null ? [] : [[modelNames[name], ...modelCells(model)]];
  });
  return [
    ...head,
    `What the persona's messages in ${counted(conversations, 'conversation', 'conversations')} that nobody learned from cost (${number(bytes)} bytes, ${number(words)} words); lower is better. In brackets 95 % intervals: bootstrap over conversations.`,
    '',
    ...table(['', 'bits per byte', 'perplexity a word', 'bits of this run against it'], rows),
    '',
    'Perplexity is 2 to the power of bits a word, so models with different vocabularies compare. The interval of the last column is paired: both models on the same conversations.',
    '',
  ];
}

function modelCells({
  bitsPerByte,
  bitsPerByteInterval,
  perplexity,
  perplexityInterval,
  runAgainstIt,
}: ModelFigures): string[] {
  return [
    `${bitsPerByte.toFixed(3)}${interval(bitsPerByteInterval, (value) => value.toFixed(3))}`,
    `${round(perplexity)}${interval(perplexityInterval, round)}`,
    runAgainstIt === null ? '' : `${signed(runAgainstIt.mean)}${interval(runAgainstIt.interval, signed)}`,
  ];
}

const partNames: Record<keyof StyleParts, string> = {
  messageLength: 'length of messages',
  burstLength: 'messages in a row',
  emoji: 'emoji',
  casing: 'upper and lower case',
  punctuation: 'punctuation',
  vocabulary: 'vocabulary',
};

function mannerSection(manner: MannerFigures | null): string[] {
  const head = ['## Manner', ''];
  if (manner === null) return [...head, 'Nothing was sampled to compare.', ''];
  const { pairs, leftOut, distance, floor, twoSample } = manner;
  const row = (name: string, own: number, least: number | undefined): string[] => [
    name,
    own.toFixed(3),
    ...(floor === null ? [] : [least?.toFixed(3) ?? '']),
  ];
  return [
    ...head,
    `How far ${counted(pairs, 'sampled reply is', 'sampled replies are')} from the real ones in the same contexts, in manner, not in content: 0 is the same, 1 has nothing in common. One sample a context, before the best of several is chosen.${leftOut > 0 ? ` ${counted(leftOut, 'reply', 'replies')} with a number, an address or nothing in them left out.` : ''}`,
    '',
    ...table(
      ['', 'distance', ...(floor === null ? [] : ['one half of the real ones from the other'])],
      [
        ...(Object.keys(partNames) as (keyof StyleParts)[]).map((part) =>
          row(partNames[part], distance.parts[part], floor?.parts[part]),
        ),
        row('**mean**', distance.distance, floor?.distance),
      ],
    ),
    '',
    twoSample === null
      ? `${pairs} pairs are too few to train a classifier on.`
      : `A classifier that reads characters and lengths tells real from sampled with an area under the curve of ${twoSample.auc.toFixed(2)}${interval(twoSample.aucInterval, (value) => value.toFixed(2))}, accuracy ${percent(twoSample.accuracy)}${interval(twoSample.accuracyInterval, percent)}; 0.50 and 50 % are a coin. Five-fold cross-validation on ${pairs} pairs.`,
    '',
  ];
}

function checksSection({ report: { gate } }: JudgedNight): string[] {
  const { samples, probe, contributors } = gate;
  const rows: string[][] = [];
  if (samples !== null) {
    rows.push(
      ['empty replies', percent(samples.empty)],
      ['replies that did not end, or are too long', percent(samples.tooLong)],
      ['replies that repeat themselves', percent(samples.repetitive)],
      [
        'longest run of words that stands in a training text',
        `${samples.overlap.longest}${samples.heldOutOverlap === null ? '' : ` (real held-out replies: ${samples.heldOutOverlap.longest})`}`,
      ],
      [
        'replies of six words or more that hold such a run of six',
        `${percent(samples.overlap.copied)}${samples.heldOutOverlap === null ? '' : ` (real: ${percent(samples.heldOutOverlap.copied)})`}`,
      ],
    );
  }
  if (probe !== null) {
    rows.push([
      'canaries of the newest probe run, exposure in bits',
      `mean ${probe.mean.toFixed(1)}, most ${probe.max.toFixed(1)}; never planted: ${probe.controlMean.toFixed(1)}; given away: ${probe.extracted} of ${probe.canaries}`,
    ]);
  }
  const worse = contributors.filter(({ clearlyWorse }) => clearlyWorse).length;
  if (contributors.length > 0)
    rows.push(['people whose conversations it predicts clearly worse', `${worse} of ${contributors.length}`]);
  return [
    '## Leaks and failures',
    '',
    ...(rows.length === 0
      ? ['Nothing was sampled.']
      : [
          ...(samples === null
            ? []
            : [
                `${number(samples.samples)} samples in ${counted(samples.contexts, 'context', 'contexts')} of the ${samples.split} split.`,
                '',
              ]),
          ...table(['', 'found'], rows),
        ]),
    '',
  ];
}

function speedSection({ report }: JudgedNight): string[] {
  const { samples } = report.gate;
  const latency =
    samples === null
      ? ''
      : ` A reply of one candidate took ${Math.round(samples.latencyMs.median)} ms at half, ${Math.round(samples.latencyMs.p95)} ms at 95 %, at the priority of the night.`;
  return [
    '## Speed',
    '',
    `${number(report.tokensSeen / Math.max(1, report.seconds))} tokens a second over the whole night, most memory ${number(report.peakMemory / 2 ** 20)} MiB.${latency}`,
    '',
  ];
}

// === Words and layout

const list = (sentences: readonly string[]): string[] =>
  sentences.length === 0 ? [] : [...sentences.map((each) => `- ${sentence(each)}`), ''];
const listed = (parts: readonly string[]): string => (parts.length === 0 ? 'nothing' : parts.join('; '));
const sentence = (text: string): string =>
  escape(`${text.slice(0, 1).toUpperCase()}${text.slice(1)}${text.endsWith('.') ? '' : '.'}`);
const number = (value: number): string => new Intl.NumberFormat('en-GB', { maximumFractionDigits: 0 }).format(value);
const percent = (share: number): string => `${(share * 100).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;
const signed = (share: number): string => `${share > 0 ? '+' : ''}${(share * 100).toFixed(1)} %`;
const round = (value: number): string => (value < 100 ? value.toFixed(1) : number(value));
const interval = (of: Interval | null, show: (value: number) => string): string =>
  of === null ? '' : ` (${show(of.low)} to ${show(of.high)})`;
const counted = (count: number, one: string, several: string): string =>
  `${number(count)} ${count === 1 ? one : several}`;

function duration(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}
