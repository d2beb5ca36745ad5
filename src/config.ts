/**
 * Settings: the environment (and `.env`) plus persona/persona.json, validated once and passed down as plain values.
 * Only scripts import this file. A wrong key or value ends with its name, what was found and what to write instead.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Cron } from 'croner';
import { config as readDotenv } from 'dotenv';
import { IANAZone } from 'luxon';
import { z } from 'zod';
import { isKnownRegion } from './consent/redact-regions.ts';
import { backendNames, modelSizes } from './types.ts';
import type { BackendName } from './types.ts';
import { projectRoot } from './util/dist.ts';
import { UserError } from './util/errors.ts';
import { logLevels } from './util/log.ts';
import type { LogLevel } from './util/log.ts';

export interface Environment {
  dataDir: string;
  modelsDir: string;
  personaDir: string;
  chromePath: string | undefined;
  chromeArgs: string[];
  backend: BackendName | 'auto';
  /** port of the review page, 0 = any free one */
  reviewPort: number;
  /** port of /healthz and /metrics on 127.0.0.1, 0 = any free one, or 'off' */
  metricsPort: number | 'off';
  /** cron expression in the persona's timezone, or 'off' */
  retrainCron: string;
  /** digits only, without a plus sign */
  ownerNumbers: string[];
  /** digits with the country code: pair by a code for this number; undefined: by QR code */
  pairingNumber: string | undefined;
  /** memory of Chromium and this program, in MB (1024 x 1024), over which the browser is replaced; 'off': never */
  memoryLimitMb: number | 'off';
  logLevel: LogLevel;
}

const languageTag = z.string().refine(isLanguageTag, 'must be a language tag such as "en" or "pt-BR"');
const timezone = z
  .string()
  .refine((zone) => IANAZone.isValidZone(zone), 'must be an IANA time zone such as "Europe/Berlin"');
const region = z
  .string()
  .refine(isKnownRegion, 'must be a country of ISO 3166 in two capital letters, such as "DE" or "GB"');
const hoursRange = z
  .string()
  .regex(/^(?:[01]\d|2[0-3]):[0-5]\d-(?:[01]\d|2[0-3]):[0-5]\d$/, 'must look like "22:00-08:00"');

const repliesSchema = z.strictObject({
  quote: z.enum(['auto', 'always', 'never']).default('auto'),
  quietHours: hoursRange.nullable().default(null),
  caps: z
    .strictObject({
      perChatSeconds: z.number().min(0).default(5),
      perChatHour: z.number().int().min(0).default(20),
      perDay: z.number().int().min(0).default(100),
    })
    .prefault({}),
  typing: z.enum(['learned', 'instant']).default('learned'),
  takeoverMinutes: z.number().min(0).default(30),
});

const personaSchema = z.strictObject({
  $schema: z.string().optional(),
  name: z.string().trim().min(1, 'must not be empty'),
  speaker: z.string().trim().min(1, 'must be "me" or the name of the person whose voice is learned').default('me'),
  languages: z.array(languageTag).min(1, 'must name at least one language').default(['en']),
  timezone: timezone.default('UTC'),
  replies: repliesSchema.prefault({}),
  sampling: z
    .strictObject({
      temperature: z.number().min(0).max(5).default(0.8),
      topK: z.number().int().min(0).default(40),
      topP: z.number().gt(0).max(1).default(0.95),
      minP: z.number().min(0).max(1).default(0),
      repetitionPenalty: z.number().min(1).max(10).default(1.1),
    })
    .prefault({}),
  training: z
    .strictObject({
      size: z.enum(modelSizes).default('small'),
      maxMinutes: z.number().gt(0).max(240, 'a night takes at most 240 minutes').default(240),
    })
    .prefault({}),
  redaction: z
    .strictObject({
      names: z.array(z.string().trim().min(2, 'must have at least two characters')).default([]),
      regions: z.array(region).nullable().default(null),
    })
    .prefault({}),
  review: z.enum(['required', 'optional']).default('optional'),
});

/** persona.json with its defaults filled in. */
export type PersonaConfig = z.output<typeof personaSchema>;

/**
 * Read the process environment over `.env` in the project folder.
 * @throws UserError naming the variable, its value and the remedy
 */
export function loadEnvironment(processEnv: NodeJS.ProcessEnv = process.env): Environment {
  const fromFile: Record<string, string> = {};
  readDotenv({ path: join(projectRoot, '.env'), processEnv: fromFile, quiet: true });
  const value = (name: string): string | undefined => {
    const found = processEnv[name] ?? fromFile[name];
    return found === undefined || found.trim() === '' ? undefined : found.trim();
  };
  const folder = (name: string, fallback: string): string => resolve(projectRoot, value(name) ?? fallback);
  const oneOf = <T extends string>(name: string, allowed: readonly T[], fallback: T): T => {
    const found = value(name) ?? fallback;
    const match = allowed.find((candidate) => candidate === found);
    if (match === undefined) throw wrongVariable(name, found, `one of ${allowed.join(', ')}`);
    return match;
  };
  return {
    dataDir: folder('DATA_DIR', 'data'),
    modelsDir: folder('MODELS_DIR', 'models'),
    personaDir: folder('PERSONA_DIR', 'persona'),
    chromePath: value('CHROME_PATH'),
    chromeArgs: parseChromeArgs(value('CHROME_ARGS')),
    backend: oneOf('PERSONA_BACKEND', ['auto', ...backendNames], 'auto'),
    reviewPort: parsePort('REVIEW_PORT', value('REVIEW_PORT') ?? '4680'),
    metricsPort: value('METRICS_PORT') === 'off' ? 'off' : parsePort('METRICS_PORT', value('METRICS_PORT') ?? '4681'),
    retrainCron: parseCron(value('RETRAIN_CRON') ?? '0 3 * * *'),
    ownerNumbers: parseNumbers(value('OWNER_NUMBERS')),
    pairingNumber: parsePairingNumber(value('PAIRING_NUMBER')),
    memoryLimitMb: parseMemoryLimit(value('MEMORY_LIMIT_MB') ?? '2048'),
    logLevel: oneOf('LOG_LEVEL', logLevels, 'info'),
  };
}

/** Where the user's own persona.json lies. */
export function personaFile(personaDir: string): string {
  return join(personaDir, 'persona.json');
}

/**
 * Read and validate persona.json.
 * @throws UserError naming the file, the key, the value and the remedy; without the file, the hint is `persona init`
 */
export function loadPersona(personaDir: string): PersonaConfig {
  const path = personaFile(personaDir);
  if (!existsSync(path)) {
    throw new UserError(
      `there is no persona yet (${path} does not exist)`,
      'run `npm run init` (persona init) to create it',
    );
  }
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UserError(
      `${path} cannot be read: ${reason}`,
      'correct the JSON, or compare with persona/persona.example.json',
    );
  }
  return parsePersona(json, path);
}

/** Validate the content of a persona.json; `path` is for the error message. */
export function parsePersona(json: unknown, path: string): PersonaConfig {
  const result = personaSchema.safeParse(json);
  if (result.success) return result.data;
  const lines = result.error.issues.flatMap((issue) => describeIssue(issue, json));
  throw new UserError(`${path}: ${lines.join('; ')}`, 'see persona/persona.schema.json for every key and its values');
}

function describeIssue(issue: z.core.$ZodIssue, json: unknown): string[] {
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const close = closestKey(key, knownKeys(path));
      return `unknown key "${[...path, key].join('.')}"${close === undefined ? '' : `, did you mean "${close}"?`}`;
    });
  }
  const found = path.reduce<unknown>((value, key) => (isRecord(value) ? value[key] : undefined), json);
  const shown = found === undefined ? 'missing' : `is ${JSON.stringify(found)}`;
  return [`"${path.join('.') || '(whole file)'}" ${shown}: ${issue.message}`];
}

/** Keys that the schema knows at a path, read off the parsed defaults. */
function knownKeys(path: string[]): string[] {
  const defaults: unknown = { $schema: '', ...personaSchema.parse({ name: 'x' }) };
  const at = path.reduce<unknown>((value, key) => (isRecord(value) ? value[key] : undefined), defaults);
  return isRecord(at) ? Object.keys(at) : [];
}

function closestKey(key: string, known: string[]): string | undefined {
  const scored = known.map((name) => ({ name, distance: editDistance(key.toLowerCase(), name.toLowerCase()) }));
  scored.sort((a, b) => a.distance - b.distance);
  const best = scored[0];
  return best !== undefined && best.distance <= 3 ? best.name : undefined;
}

/** Levenshtein distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isLanguageTag(tag: string): boolean {
  try {
    return Intl.getCanonicalLocales(tag).length === 1;
  } catch {
    return false; // RangeError: not a BCP 47 tag
  }
}

function wrongVariable(name: string, found: string, wanted: string): UserError {
  return new UserError(`${name} is "${found}"`, `set ${name} to ${wanted}, or leave it out`);
}

function parseChromeArgs(text: string | undefined): string[] {
  if (text === undefined) return [];
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw wrongVariable('CHROME_ARGS', text, 'a JSON array of strings such as ["--no-sandbox"]');
  }
  const result = z.array(z.string()).safeParse(json);
  if (!result.success) throw wrongVariable('CHROME_ARGS', text, 'a JSON array of strings such as ["--no-sandbox"]');
  return result.data;
}

function parseCron(pattern: string): string {
  if (pattern === 'off') return pattern;
  try {
    new Cron(pattern, { paused: true });
  } catch {
    throw wrongVariable('RETRAIN_CRON', pattern, 'five cron fields such as "0 3 * * *", or to off');
  }
  return pattern;
}

function parsePort(name: string, text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw wrongVariable(name, text, 'a port from 0 to 65535');
  return port;
}

/** PAIRING_NUMBER: the number of the account's phone. */
function parsePairingNumber(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const digits = text.replace(/[\s()+.-]/g, '');
  if (!/^\d{7,15}$/.test(digits))
    throw wrongVariable('PAIRING_NUMBER', text, 'one international number such as +491511234567');
  return digits;
}

/** MEMORY_LIMIT_MB: Chromium with WhatsApp Web alone takes some 400. */
function parseMemoryLimit(text: string): number | 'off' {
  if (text === 'off') return text;
  const megabytes = Number(text);
  if (!Number.isInteger(megabytes) || megabytes < 512)
    throw wrongVariable('MEMORY_LIMIT_MB', text, 'whole megabytes from 512 on, or to off');
  return megabytes;
}

/** OWNER_NUMBERS: international numbers separated by commas or spaces. */
function parseNumbers(text: string | undefined): string[] {
  if (text === undefined) return [];
  return text.split(/[,;]/).map((entry) => {
    const digits = entry.replace(/[\s()+.-]/g, '');
    if (!/^\d{7,15}$/.test(digits))
      throw wrongVariable('OWNER_NUMBERS', text, 'international numbers such as +491511234567, separated by commas');
    return digits;
  });
}
