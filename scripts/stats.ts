/**
 * `persona import --stats [FILE]`: what is in an export before anything of it is stored, or in what is stored and consented.
 * Names and numbers are printed to the owner only; no text but emoji.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PersonaConfig } from '../src/config.ts';
import { redactorOf } from '../src/consent/redact.ts';
import { redactionOf } from '../src/consent/redact-regions.ts';
import { buildDataset } from '../src/dataset/build.ts';
import { dominantOf } from '../src/dataset/shares.ts';
import { localClock, statisticsOf, type Said } from '../src/dataset/statistics.ts';
import type { ChatExport } from '../src/exports/chat-export.ts';
import { contentOf, personaAlias } from '../src/store/import.ts';
import { createLocalTime } from '../src/store/local-time.ts';
import type { Store } from '../src/store/store.ts';
import { createTokenizer } from '../src/tokenizer/bpe.ts';
import { fromTokenizerJson } from '../src/tokenizer/tokenizer-json.ts';
import { UserError } from '../src/util/errors.ts';
import { shippedBase } from './base.ts';
import { terminalStyle } from './charts.ts';
import { printJson } from './context.ts';
import { linesOf, type Report } from './stats-view.ts';

export type { Report } from './stats-view.ts';

/** Report on an export, nothing of which is stored. */
export function reportOfExport(
  file: ChatExport,
  path: string,
  options: { persona: PersonaConfig; personaName?: string | undefined; timezone?: string | undefined },
): Report {
  const { persona, personaName, timezone = persona.timezone } = options;
  const notCounted: Report['notCounted'] = {};
  const toTimes = createLocalTime(timezone);
  const toLocal = localClock(timezone);
  function* said(): Generator<Said> {
    for (const message of file.messages()) {
      const content = contentOf(message);
      if (content === undefined || message.sender === null) {
        notCounted![message.kind] = (notCounted![message.kind] ?? 0) + 1;
        continue;
      }
      const timeMs = message.timestampMs ?? toTimes(message.ts)[0] ?? null;
      yield {
        chat: path,
        who: message.sender,
        timeMs,
        localMs: timeMs === null ? null : toLocal(timeMs),
        minutePrecision: !file.hasSeconds,
        ...content,
      };
    }
  }
  const statistics = statisticsOf(said(), { countTokens: tokenCounter(persona) });
  const speaker = personaName ?? (persona.speaker === 'me' ? undefined : persona.speaker);
  const known = statistics.people.find(({ who }) => who === speaker);
  return { of: path, timezone, statistics, persona: known?.who ?? null, notCounted };
}

/** Report on what is stored and may be used now, and on the dataset that it makes. */
export function reportOfStore(store: Store, persona: PersonaConfig): Report {
  const { timezone } = persona;
  const personaId = store.people.resolve([personaAlias(persona.speaker)]);
  const reviewRequired = persona.review === 'required';
  const { chats, leftOut: reviewed } = store.messages.trainable(personaId, { reviewRequired });
  const names = namesOf(store, personaId, persona.name);
  const nameOf = (personId: number): string => names.get(personId) ?? `person ${personId}`;
  const toLocal = localClock(timezone);
  function* said(): Generator<Said> {
    for (const { chatKey, messages } of chats) {
      for (const { personId, isBot, timestampMs, minutePrecision, text, media } of messages) {
        const localMs = timestampMs === null ? null : toLocal(timestampMs);
        const times = { timeMs: timestampMs, localMs, minutePrecision };
        yield { chat: chatKey, who: nameOf(personId), isBot, ...times, text, media };
      }
    }
  }
  const statistics = statisticsOf(said(), { countTokens: tokenCounter(persona) });
  const handedOut = statistics.messages + statistics.botMessages;
  const { rejectedMessages, excludedMessages, undecidedMessages } = reviewed;
  const sealedMessages = store.messages.count() - handedOut - rejectedMessages - excludedMessages - undecidedMessages;
  const redact = redactorOf(redactionOf(persona));
  const { manifest, shares } = buildDataset({ chats, timezone, sealedMessages, reviewed, redact });
  const { rows: _rows, format: _format, ...dataset } = manifest;
  const membersOf = (chatKey: string): string => {
    const chat = chats.find((each) => each.chatKey === chatKey);
    const others = new Set((chat?.messages ?? []).filter((m) => m.personId !== personaId).map((m) => m.personId));
    return `the chat with ${[...others].map(nameOf).join(', ')}`;
  };
  const dominant = dominantOf(shares).map(({ id, ...rest }) => ({
    ...rest,
    who: typeof id === 'number' ? nameOf(id) : membersOf(id),
  }));
  return { of: 'what is stored', timezone, statistics, persona: nameOf(personaId), dataset, dominant };
}

/** Display names, each once: a name that two people share gets their ids. */
function namesOf(store: Store, personaId: number, personaName: string): Map<number, string> {
  const people = store.people
    .list()
    .map(({ id, name }) => ({ id, name: name === '' && id === personaId ? personaName : name }));
  const uses = new Map<string, number>();
  for (const { name } of people) uses.set(name, (uses.get(name) ?? 0) + 1);
  return new Map(
    people
      .filter(({ name }) => name !== '')
      .map(({ id, name }) => [id, uses.get(name) === 1 ? name : `${name} (${id})`]),
  );
}

/** Ids that the base of the persona's size makes of a text; undefined where none ships. */
function tokenCounter(persona: PersonaConfig): ((text: string) => number) | undefined {
  const base = shippedBase(persona.training.size);
  if (base === undefined) return undefined;
  const tokenizer = createTokenizer(fromTokenizerJson(readFileSync(join(base, 'tokenizer.json'), 'utf8')));
  return (text) => tokenizer.encode(text).length;
}

/** @throws UserError where there is no message to report on */
export function showStatistics(report: Report, json: boolean): void {
  if (report.statistics.messages === 0) {
    throw new UserError(
      `there are no messages in ${report.of}`,
      'import a chat with consent, or give a file: `persona import --stats FILE`',
    );
  }
  if (json) printJson(report);
  else process.stdout.write(`${linesOf(report, terminalStyle()).join('\n')}\n`);
}
