/**
 * Every sentence the bot says, by language: persona/notices/<language>.json, checked as it is read. A language or key
 * that is missing falls back to English; an unknown key, or a sentence whose {places} differ from the English one, is
 * refused by name. The consent notice carries the hash of its exact text, which goes into the ledger with the answer.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { check, UserError } from '../util/errors.ts';
import { sha256 } from '../util/files.ts';

export const noticeKeys = [
  'notice',
  'granted',
  'declined',
  'withdrawn',
  'disclosure',
  'help',
  'noVoice',
  'botOn',
  'botOff',
  'botOffAll',
  'collectOn',
  'collectOff',
  'status',
  // its values
  'status collect on',
  'status collect off',
  'status bot on',
  'status bot off',
  'status bot paused',
  'status voice ready',
  'alreadyAsked',
  'notHere',
  'confirmStop',
  'notTheirChat',
  'imitateHow',
  'imitateGranted',
  'notYourVoice',
  'forgotten',
  'myData',
  'myDataNone',
  'why',
  'whyHow',
  'retrainStarted',
  'retrainRuns',
  'models',
  'modelsNone',
  'modelUsed',
  'refused',
  'quietOn',
  'quietOff',
  'temperature',
  'againNothing',
  'againNot',
  'correctionKept',
  'correctionNot',
  'correctionHow',
  'quizQuestion',
  'quizRight',
  'quizWrong',
  'quizScore',
  'quizWhere',
  'nightPromoted',
  'nightKept',
  'nightBits',
  'nightChange',
  'nightLearned',
  'nightTold',
  'nightReport',
  // what `!help` says of each command
  'help !help',
  'help !status',
  'help !consent yes',
  'help !consent no',
  'help !consent imitate',
  'help !stop',
  'help !forget',
  'help !mydata',
  'help !why',
  'help !collect on',
  'help !collect off',
  'help !bot on',
  'help !bot off',
  'help !bot off all',
  'help !retrain',
  'help !models',
  'help !use',
  'help !rollback',
  'help !quiet',
  'help !temp',
  'help !again',
  'help !no',
  'help !quiz',
] as const;
export type NoticeKey = (typeof noticeKeys)[number];

/** Sentences with their {places} still open; `fill` closes them. */
export type Phrases = Readonly<Record<NoticeKey, string>>;

const fallbackLanguage = 'en';
const noticeFile = z.partialRecord(z.enum(noticeKeys), z.string().trim().min(1));

/** All sentences in a language (`pt-BR` falls back to `pt`, then `en`). Throws a UserError that names file and key. */
export function phrases(noticesDir: string, language: string): Phrases {
  const english = complete(readNotices(join(noticesDir, `${fallbackLanguage}.json`)), noticesDir);
  const file = fileFor(noticesDir, language);
  if (file.language === fallbackLanguage) return english;
  const own = readNotices(file.path);
  for (const key of noticeKeys) {
    const [wanted, found] = [places(english[key]), places(own[key] ?? english[key])];
    if (wanted === found) continue;
    throw new UserError(
      `${file.path}: "${key}" has the places ${found || 'none'}, the English one ${wanted || 'none'}.`,
      `Use exactly the same {places} in "${key}" as ${fallbackLanguage}.json does.`,
    );
  }
  return { ...english, ...own };
}

/**
 * The question that is put to a person before anything is stored.
 * @returns `language` as found (the notice may have fallen back), and `hash`, the SHA-256 of `text`
 */
export function consentNotice(
  noticesDir: string,
  language: string,
  values: { persona: string },
): { text: string; hash: string; language: string } {
  const text = fill(phrases(noticesDir, language).notice, values);
  const found = fileFor(noticesDir, language);
  const isOwn = found.language !== fallbackLanguage && readNotices(found.path).notice !== undefined;
  return { text, hash: sha256(text), language: isOwn ? found.language : fallbackLanguage };
}

/** What the bot says of itself in its first reply in a chat. */
export function disclosure(noticesDir: string, language: string, values: { persona: string }): string {
  return fill(phrases(noticesDir, language).disclosure, values);
}

/** Put values into a sentence's places: `fill('{n} of 300', { n: 12 })`. A place without a value is our fault. */
export function fill(sentence: string, values: Readonly<Record<string, string | number>>): string {
  return sentence.replace(/\{(\w+)\}/g, (_, place: string) => {
    const value = Object.hasOwn(values, place) ? values[place] : undefined;
    check(value !== undefined, `no value for {${place}} of a notice`);
    return String(value);
  });
}

function fileFor(noticesDir: string, language: string): { language: string; path: string } {
  const isTag = /^[a-z]{2,3}(?:-[a-z0-9]{2,8})*$/i.test(language); // never a path
  for (const tag of isTag ? [language, language.split('-')[0]!] : []) {
    const path = join(noticesDir, `${tag}.json`);
    if (existsSync(path)) return { language: tag, path };
  }
  return { language: fallbackLanguage, path: join(noticesDir, `${fallbackLanguage}.json`) };
}

function readNotices(path: string): Partial<Record<NoticeKey, string>> {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new UserError(`${path} cannot be read as JSON.`, 'Correct or restore the file; it ships with the program.', {
      cause: error,
    });
  }
  const parsed = noticeFile.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new UserError(
    `${path}: ${describe(parsed.error)}`,
    `A notice file holds sentences under: ${noticeKeys.join(', ')}.`,
  );
}

function describe(error: z.ZodError): string {
  const [issue] = error.issues;
  if (issue?.code === 'unrecognized_keys') return `unknown key "${issue.keys.join('", "')}".`;
  return `"${issue?.path.join('.') ?? ''}": ${issue?.message ?? 'not valid'}.`;
}

function complete(found: Partial<Record<NoticeKey, string>>, noticesDir: string): Phrases {
  const missing = noticeKeys.filter((key) => found[key] === undefined);
  if (missing.length === 0) return found as Phrases;
  throw new UserError(
    `${join(noticesDir, `${fallbackLanguage}.json`)} lacks ${missing.map((key) => `"${key}"`).join(', ')}.`,
    'Every sentence must be there in English, since the other languages fall back to it.',
  );
}

/** the distinct places of a sentence, sorted: `{n}, {persona}` */
function places(sentence: string): string {
  return [...new Set(sentence.match(/\{\w+\}/g) ?? [])].sort().join(', ');
}
