/**
 * The part of a report card with people's words: sampled replies beside the real ones. Who deletes or edits a message, or takes
 * consent back, takes it out of here too: the section names its rows, and goes as a whole when one of them is gone or changed.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runsDir } from '../../checkpoint/save.ts';
import type { RedactSpans } from '../../tokenizer/chat-format.ts';
import type { ConversationMessage } from '../../types.ts';
import { sha256, writeFileAtomic } from '../../util/files.ts';
import type { Sample } from '../findings.ts';
import { escape, table, withPlaceholders } from './layout.ts';

const shownExchanges = 10;
const contextMessages = 4;
const title = '## Sampled beside real';
const end = '<!-- end of exchanges -->';
const shortDigest = 16;

/** Rows that one exchange shows, and a digest of what they said. */
interface Shown {
  context: number[];
  real: number[];
  digest: string;
}

/** @param withheld why nothing is shown; undefined: it is */
export function exchangesSection(
  samples: readonly Sample[],
  redact: RedactSpans,
  withheld: string | undefined,
): string[] {
  if (withheld !== undefined) return [title, '', `Withheld: ${withheld}.`];
  if (samples.length === 0) return [title, '', 'Nothing was sampled.'];
  const shown = samples.slice(0, shownExchanges);
  return [
    title,
    '',
    `<!-- exchanges ${JSON.stringify(shown.map(rowsOf))} -->`,
    '',
    `The first ${shown.length} of the samples, as they came. What is sensitive is a placeholder; this file is for the owner alone.`,
    ...shown.flatMap((sample, i) => ['', ...exchange(sample, i + 1, redact)]),
    '',
    end,
  ];
}

function rowsOf({ context, realRowIds, real }: Sample): Shown {
  const said = context.slice(-contextMessages);
  return {
    context: said.map(({ rowId }) => rowId),
    real: [...realRowIds],
    digest: digestOf(said, real),
  };
}

function digestOf(context: readonly Pick<ConversationMessage, 'text'>[], real: readonly string[]): string {
  const texts = [context.map(({ text }) => text), real.filter((text) => text !== '')];
  return sha256(JSON.stringify(texts)).slice(0, shortDigest);
}

function exchange({ context, real, sampled }: Sample, place: number, redact: RedactSpans): string[] {
  const hidden = (text: string): string => escape(withPlaceholders(text, redact));
  const shown = (bubbles: readonly string[]): string =>
    bubbles.length === 0 ? '*silence*' : bubbles.map(hidden).join('<br>');
  const said = context.slice(-contextMessages).map(({ isPersona, isBot, text, media }) => {
    const who = isBot ? 'bot' : isPersona ? 'persona' : 'other';
    return `> **${who}**: ${media === null ? '' : `\\[${media}\\] `}${hidden(text)}`;
  });
  return [
    `### ${place}`,
    '',
    ...said.flatMap((line, i) => (i === 0 ? [line] : ['>', line])),
    '',
    ...table(['real', 'sampled'], [[shown(real), shown(sampled)]]),
  ];
}

/** The card without its exchanges, and why; one that shows none stays as it is. */
export function withheldCard(card: string, why: string): string {
  const [from, to] = [card.indexOf(title), card.indexOf(end)];
  if (from === -1 || to < from) return card;
  return card.slice(0, from) + exchangesSection([], () => [], why).join('\n') + card.slice(to + end.length);
}

/**
 * Take the exchanges out of every card in which a message is shown that is gone, sealed or edited since.
 * @param usable the messages of these rows that may be used now, in their order; others are left out
 * @returns runs whose cards were changed
 */
export function withholdStale(
  modelsDir: string,
  cardFile: string,
  usable: (rowIds: readonly number[]) => readonly ConversationMessage[],
): string[] {
  if (!existsSync(runsDir(modelsDir))) return [];
  const isAsItWas = ({ context, real, digest }: Shown): boolean => {
    const now = usable([...context, ...real]);
    if (now.length < context.length + real.length) return false;
    const said = now.slice(context.length).map(({ text }) => text);
    return digestOf(now.slice(0, context.length), said) === digest;
  };
  return readdirSync(runsDir(modelsDir)).filter((run) => {
    const file = join(runsDir(modelsDir), run, cardFile);
    if (!existsSync(file)) return false;
    const card = readFileSync(file, 'utf8');
    const rows = /^<!-- exchanges (\[.*\]) -->$/m.exec(card)?.[1];
    if (rows === undefined || (JSON.parse(rows) as Shown[]).every(isAsItWas)) return false;
    writeFileAtomic(file, withheldCard(card, 'a message in it was deleted, edited or taken back since'));
    return true;
  });
}
