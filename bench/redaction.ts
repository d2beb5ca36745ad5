/**
 * Redaction on the labelled set of test/consent/labelled (invented chat messages, written apart from the rules): what is
 * found per locale and kind, which clean lines change, and the processor time of a line. The regions of a case are the
 * default ones and its locale's, as a persona's would be.
 * Run: npx tsc -p bench && node dist/bench/redaction.js
 * Prints tables and writes bench/results/redaction.json.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { defaultRegions, redactSpans } from '../src/consent/redact.ts';
import { projectRoot } from '../src/util/dist.ts';
import { measure, readCases, regionOf, tableOf, type Case } from '../test/consent/labelled/measure.ts';
import { machine } from './machine.ts';

const timedRounds = 5;

const cases = readCases();
const prepared = new Map(
  cases.map((labelled) => {
    const regions = [...new Set([...defaultRegions, regionOf[labelled.locale]!])];
    return [labelled, { regions, ...(labelled.names && { names: labelled.names }) }] as const;
  }),
);
const redact = (labelled: Case) => redactSpans(labelled.text, prepared.get(labelled)!);
const round = (value: number, digits: number): number => Number(value.toFixed(digits));

console.log(machine, `${cases.length} lines`);
const measured = measure(cases, redact); // also compiles what is timed below
console.table(tableOf(measured));

const perKind = measured.rows
  .filter(({ locale }) => locale === 'all')
  .map(({ kind, cases, found, rightToken }) => ({
    kind,
    cases,
    found,
    recall: round(found / cases, 4),
    rightTokenOfFound: found === 0 ? null : round(rightToken / found, 4),
  }));
console.table(perKind);

/** Median over the rounds of the processor time that a line takes on average: a busy machine distorts it least. */
function microsecondsPerLine(lines: readonly Case[]): number {
  const times = Array.from({ length: timedRounds }, () => {
    const before = process.cpuUsage();
    for (const line of lines) redact(line);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / lines.length;
  });
  return round(times.sort((a, b) => a - b)[timedRounds >> 1]!, 1);
}

const last = (locale: string): number => Number(locale === 'all');
const clean = measured.clean
  .sort((a, b) => last(a.locale) - last(b.locale))
  .map((row) => {
    const lines = cases.filter(({ locale }) => row.locale === 'all' || locale === row.locale);
    return { ...row, share: round(row.changed / row.lines, 4), microsecondsPerLine: microsecondsPerLine(lines) };
  });
console.table(clean);
console.log(`letters and digits beside the secrets that were taken too: ${round(measured.takenBeside * 100, 2)} %`);

const result = {
  machine,
  lines: cases.length,
  recall: measured.rows.map((row) => ({ ...row, recall: round(row.found / row.cases, 4) })),
  perKind,
  clean,
  takenBeside: round(measured.takenBeside, 4),
};
mkdirSync(join(projectRoot, 'bench', 'results'), { recursive: true });
writeFileSync(join(projectRoot, 'bench', 'results', 'redaction.json'), `${JSON.stringify(result, null, 2)}\n`);
