/**
 * The labelled redaction set beside this file, and how a run over it is counted: shared by the tests and by
 * bench/redaction.ts. README.md says how the set was made. Nothing here knows the rules that it measures.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { CountryCode } from 'libphonenumber-js';
import { projectRoot } from '../../../src/util/dist.ts';

export const kinds = ['phone', 'email', 'iban', 'card', 'link', 'secret', 'name', 'address'] as const;
export type Kind = (typeof kinds)[number];

/** One line of a labelled file. */
export interface Case {
  text: string;
  /** What must not stay in the text; each value is in it exactly once. None: a clean line. */
  secrets: { kind: Kind; value: string }[];
  locale: string;
  /** Names that this persona is configured to redact. */
  names?: string[];
}

/** The region that a persona of the locale would have, beside the default ones. */
export const regionOf: Readonly<Record<string, CountryCode>> = {
  ar: 'SA',
  de: 'DE',
  'en-GB': 'GB',
  'en-IN': 'IN',
  'en-US': 'US',
  es: 'ES',
  fr: 'FR',
  he: 'IL',
  it: 'IT',
  ja: 'JP',
  nl: 'NL',
  'pt-BR': 'BR',
  ru: 'RU',
  tr: 'TR',
};

/** The token that stands for a kind; an address has none of its own, so any is right. */
const tokenOf: Readonly<Partial<Record<Kind, string>>> = {
  phone: 'phone',
  email: 'email',
  iban: 'card',
  card: 'card',
  link: 'link',
  secret: 'secret',
  name: 'name',
};

/** A part of a text that a token replaces: UTF-16 offsets, `end` exclusive. */
export interface Span {
  start: number;
  end: number;
  token: string;
}

/** Redacts one case's text. */
export type Redact = (labelled: Case) => readonly Span[];

/** Every case, in the order of the files' names and lines. */
export function readCases(): Case[] {
  const folder = join(projectRoot, 'test', 'consent', 'labelled');
  const files = readdirSync(folder).filter((name) => name.endsWith('.jsonl'));
  return files.sort().flatMap((file) => {
    const lines = readFileSync(join(folder, file), 'utf8').trimEnd().split('\n');
    return lines.map((line) => JSON.parse(line) as Case);
  });
}

/** The letters and digits of text[from, to): where each starts, whether it is a digit, and the span over it. */
function signs(text: string, from: number, to: number, spans: readonly Span[]) {
  return [...text.slice(from, to).matchAll(/[\p{L}\p{M}\p{N}]/gu)].map(({ 0: sign, index }) => {
    const at = from + index;
    return { digit: /\p{Nd}/u.test(sign), span: spans.find(({ start, end }) => start <= at && at < end) };
  });
}

/**
 * What became of one secret. Separators do not count: it is found if no five letters or digits in a row of it are left
 * outside the spans, no four digits in a row, and, being shorter than that, not all of it.
 * `token` is that of the span over most of it.
 */
export function judge(text: string, value: string, spans: readonly Span[]): { found: boolean; token?: string } {
  const from = text.indexOf(value);
  const all = signs(text, from, from + value.length, spans);
  const limit = Math.min(5, all.length);
  let [run, digits, found] = [0, 0, true];
  const votes = new Map<string, number>();
  for (const { digit, span } of all) {
    run = span === undefined ? run + 1 : 0;
    digits = span === undefined && digit ? digits + 1 : 0;
    if (run >= limit || digits >= 4) found = false;
    if (span !== undefined) votes.set(span.token, (votes.get(span.token) ?? 0) + 1);
  }
  const [most] = [...votes].sort(([, a], [, b]) => b - a);
  return most === undefined ? { found } : { found, token: most[0] };
}

/** Counts of one kind in one locale; a secret that stands in a configured name's case counts as `name (configured)`. */
export interface Row {
  locale: string;
  kind: string;
  cases: number;
  found: number;
  /** Of the found: those whose token is the kind's. */
  rightToken: number;
}

export interface Measured {
  /** Per locale and kind, and per kind over `all` locales. */
  rows: Row[];
  /** Clean lines per locale and `all`: how many there are and how many were changed. */
  clean: { locale: string; lines: number; changed: number }[];
  /** Of the letters and digits of lines with secrets, outside the secrets: the share that spans took as well. */
  takenBeside: number;
  /** What went wrong, to read when a gate fails. */
  missed: { locale: string; kind: string; value: string; text: string }[];
  wrongToken: { locale: string; kind: string; value: string; text: string; token: string }[];
  changed: { locale: string; text: string; spans: readonly Span[] }[];
}

/** Runs `redact` over the cases and counts. */
export function measure(cases: readonly Case[], redact: Redact): Measured {
  const rows = new Map<string, Row>();
  const clean = new Map<string, Measured['clean'][number]>();
  const [missed, wrongToken, changed]: [Measured['missed'], Measured['wrongToken'], Measured['changed']] = [[], [], []];
  let [beside, takenBeside] = [0, 0];
  for (const labelled of cases) {
    const { text, secrets, names } = labelled;
    const spans = redact(labelled);
    if (secrets.length === 0) {
      for (const locale of [labelled.locale, 'all']) {
        const row = clean.get(locale) ?? { locale, lines: 0, changed: 0 };
        clean.set(locale, row);
        row.lines++;
        if (spans.length > 0) row.changed++;
      }
      if (spans.length > 0) changed.push({ locale: labelled.locale, text, spans });
      continue;
    }
    const outside = signs(text, 0, text.length, spans);
    const inside = secrets.flatMap(({ value }) => {
      const from = text.indexOf(value);
      return signs(text, from, from + value.length, spans);
    });
    const taken = (list: typeof outside): number => list.filter(({ span }) => span !== undefined).length;
    beside += outside.length - inside.length;
    takenBeside += taken(outside) - taken(inside);
    for (const { kind, value } of secrets) {
      const { found, token } = judge(text, value, spans);
      const named = kind === 'name' && names !== undefined ? 'name (configured)' : kind;
      const right = tokenOf[kind] === undefined || token === tokenOf[kind];
      for (const locale of [labelled.locale, 'all']) {
        const key = `${locale} ${named}`;
        const row = rows.get(key) ?? { locale, kind: named, cases: 0, found: 0, rightToken: 0 };
        rows.set(key, row);
        row.cases++;
        if (found) row.found++;
        if (found && right) row.rightToken++;
      }
      if (!found) missed.push({ locale: labelled.locale, kind: named, value, text });
      else if (!right) wrongToken.push({ locale: labelled.locale, kind: named, value, text, token: token ?? '' });
    }
  }
  return {
    rows: [...rows.values()],
    clean: [...clean.values()],
    takenBeside: beside === 0 ? 0 : takenBeside / beside,
    missed,
    wrongToken,
    changed,
  };
}

/** One row a locale: found / cases per kind, clean lines changed; `all` last. */
export function tableOf({ rows, clean }: Measured): Record<string, string>[] {
  const columns = [...kinds, 'name (configured)'];
  const locales = [...new Set(rows.map(({ locale }) => locale))].filter((locale) => locale !== 'all');
  return [...locales, 'all'].map((locale) => {
    const cells = columns.map((kind): [string, string] => {
      const row = rows.find((one) => one.locale === locale && one.kind === kind);
      return [kind, row === undefined ? '' : `${row.found}/${row.cases}`];
    });
    const lines = clean.find((one) => one.locale === locale);
    const changed = lines === undefined ? '' : `${lines.changed}/${lines.lines}`;
    return { locale, ...Object.fromEntries(cells), 'clean changed': changed };
  });
}
