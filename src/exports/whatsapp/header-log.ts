/**
 * The headers that the opening pass found, eight bytes each, so that whoever reads the messages need not look for them again:
 * line by line the same answers as the scanner's (scanner.ts). A file with too many headers has no log and is scanned once more.
 */
import type { HeaderForm } from './header.ts';
import type { Lines } from './lines.ts';
import type { HeaderScanner } from './scanner.ts';

const blockHeaders = 1 << 14;
/** 64 MiB of them */
export const mostHeaders = 1 << 23;
/** Headers one after the other that have the same form, the same date and as many digits each are a run. */
export const mostRuns = 1 << 17;
/** Names are known by numbers below this one, in seven bits. */
export const mostNames = 1 << 7;
const longestHeader = 255;

interface Run {
  form: HeaderForm;
  /** its first header, counted from 0 */
  first: number;
  values: Int32Array;
  digits: Int32Array;
}

export interface HeaderLog {
  /** Adds the header that the scanner found in the current line; `name` is the number of the name behind it, or 0. */
  add(lines: Lines, form: HeaderForm, name: number): void;
  /** Finds the same headers in the same lines; undefined where there were too many. */
  replay(): HeaderScanner | undefined;
}

export function createHeaderLog(scanner: HeaderScanner, limits = { mostHeaders, mostRuns }): HeaderLog {
  /** of each header its line, and a number of hour 5 bits, minute 6, second 6, name 7, length 8 */
  let blocks: Uint32Array[] | undefined = [];
  let block = new Uint32Array(0);
  let runs: Run[] = [];
  let count = 0;
  let dateId = -1;

  return {
    add(lines, form, name) {
      if (blocks === undefined) return;
      const { values, digits } = scanner;
      const length = scanner.end - lines.start;
      if (count === limits.mostHeaders || runs.length === limits.mostRuns || length > longestHeader) {
        blocks = undefined;
        runs = [];
        return;
      }
      if (dateId !== scanner.dateId) {
        dateId = scanner.dateId;
        runs.push({ form, first: count, values: values.slice(), digits: digits.slice() });
      }
      const at = 2 * (count % blockHeaders);
      if (at === 0) blocks.push((block = new Uint32Array(2 * blockHeaders)));
      const second = form.seconds ? values[5]! : 0;
      block[at] = lines.number;
      block[at + 1] = (values[3]! << 27) | (values[4]! << 21) | (second << 15) | (name << 8) | length;
      count++;
    },
    replay: () => (blocks === undefined ? undefined : replay(blocks, runs, count)),
  };
}

function replay(blocks: readonly Uint32Array[], runs: readonly Run[], count: number): HeaderScanner {
  const values = new Int32Array(6);
  const digits = new Int32Array(6);
  let position = 0;
  let block = blocks[0];
  let nextLine = block?.[0] ?? 0;
  let form: HeaderForm | undefined;
  let firstOfNextRun = 0;
  const scanner = {
    values,
    digits,
    end: 0,
    name: 0,
    dateId: 0,
    scan({ number, start }: Lines): HeaderForm | undefined {
      if (number !== nextLine || block === undefined) return undefined;
      if (position === firstOfNextRun) {
        const run = runs[scanner.dateId++]!;
        form = run.form;
        values.set(run.values);
        digits.set(run.digits);
        firstOfNextRun = runs[scanner.dateId]?.first ?? count;
      }
      const packed = block[2 * (position % blockHeaders) + 1]!;
      values[3] = packed >>> 27;
      values[4] = (packed >>> 21) & 63;
      values[5] = (packed >>> 15) & 63;
      scanner.name = (packed >>> 8) & 127;
      scanner.end = start + (packed & 255);
      position++;
      if (position % blockHeaders === 0) block = blocks[position / blockHeaders];
      nextLine = position < count ? block![2 * (position % blockHeaders)]! : 0;
      return form;
    },
  };
  return scanner;
}
