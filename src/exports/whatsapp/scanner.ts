/**
 * Headers, fast. The thousands of headers of a file differ in their digits only, so what the grammar (header.ts) found once
 * is kept as a template, and a line that has the same characters around its numbers needs no grammar again. Gives exactly
 * what the grammar would.
 */
import { isMark, isSpace, unitsOf, zeroOf } from './characters.ts';
import { readHeader } from './header.ts';
import type { Header, HeaderForm } from './header.ts';
import type { HeaderNumber } from './lexer.ts';
import type { Lines } from './lines.ts';

/** The grammar looks at 80 characters and the word that may go on behind them, after the marks that a line begins with. */
const longestHeader = 120;
const mostMarks = 120;
/** A shape has a template for each of its day periods; pasted logs may bring their own. */
const mostTemplates = 64;
const longestTemplate = 60;
const fewestDigits = 5;

interface Template {
  form: HeaderForm;
  /** a UTF-16 unit to be the same, or -1 to -6 for the number of that place */
  steps: Int32Array;
  /** of the six numbers: written with four digits, not with one or two */
  isLong: readonly boolean[];
  /** the digit zero of its script */
  zero: number;
}

export interface HeaderScanner {
  /** of the header found last: the three numbers of the date in written order, hour, minute, second */
  readonly values: Int32Array;
  readonly digits: Int32Array;
  /** of the header found last: where the text after it begins in `Lines.codes` */
  readonly end: number;
  /** The form of the header that the current line begins with, or undefined. Equal forms are the same object. */
  scan(line: Lines): HeaderForm | undefined;
}

export function createHeaderScanner(): HeaderScanner {
  const templates: Template[] = [];
  const forms = new Map<string, HeaderForm>();
  const values = new Int32Array(6);
  const digits = new Int32Array(6);

  /** Fills `values` and `digits`; returns the index after the header, or -1. */
  function match({ steps, zero, isLong }: Template, codes: Uint16Array, start: number, end: number): number {
    if (end - start < steps.length) return -1;
    let i = start;
    for (let at = 0; at < steps.length; at++) {
      const step = steps[at]!;
      if (step >= 0) {
        if (codes[i] !== step) return -1;
        i++;
        continue;
      }
      const first = i;
      let value = 0;
      for (; i < end; i++) {
        const digit = codes[i]! - zero;
        if (digit < 0 || digit > 9 || i - first > 4) break;
        value = value * 10 + digit;
      }
      const count = i - first;
      const place = -1 - step;
      if (isLong[place] === true ? count !== 4 : count < 1 || count > 2) return -1;
      values[place] = value;
      digits[place] = count;
    }
    return i <= end ? i : -1;
  }

  function take({ form, numbers, end }: Header, head: string, start: number): HeaderForm {
    const key = `${form.signature}|${form.period}|${form.era}|${form.unknownWord}`;
    const same = forms.get(key) ?? form;
    forms.set(key, same);
    for (const [place, number] of numbers.entries()) {
      values[place] = number.value;
      digits[place] = number.digits;
    }
    scanner.end = start + end;
    if (templates.length < mostTemplates) {
      const template = templateOf(same, numbers, head, end);
      if (template !== undefined) templates.push(template);
    }
    return same;
  }

  /** Numbers out of bounds make no header, also where a template fits. */
  function boundedForm(form: HeaderForm): HeaderForm | undefined {
    return values[3]! <= 23 && values[4]! <= 59 && (!form.seconds || values[5]! <= 59) ? form : undefined;
  }

  const scanner = {
    values,
    digits,
    end: 0,
    scan({ codes, text, start, end }: Lines): HeaderForm | undefined {
      for (let i = 0; i < templates.length; i++) {
        const template = templates[i]!;
        const found = match(template, codes, start, end);
        if (found < 0) continue;
        // those that lines have often move to the front
        if (i > 0) [templates[i - 1], templates[i]] = [template, templates[i - 1]!];
        scanner.end = found;
        return boundedForm(template.form);
      }
      const stop = Math.min(end, start + longestHeader + (isMark(codes[start] ?? 0) ? mostMarks : 0));
      if (!mayBeHeader(codes, start, stop)) return undefined;
      const head = text.slice(start, stop);
      const header = readHeader(head);
      return header && take(header, head, start);
    },
  };
  return scanner;
}

/** Headers hold five numbers or more. */
function mayBeHeader(codes: Uint16Array, start: number, stop: number): boolean {
  let found = 0;
  for (let i = start; i < stop; i++) if (zeroOf(codes[i]!) >= 0 && ++found === fewestDigits) return true;
  return false;
}

/** Undefined where the header is too long, mixes scripts of digits, or where the character after it might belong to it. */
function templateOf(form: HeaderForm, numbers: Header['numbers'], head: string, end: number): Template | undefined {
  const [{ zero } = { zero: 0 }] = numbers;
  if (end > longestTemplate || numbers.some((number) => number.zero !== zero)) return undefined;
  if (!isSpace(head.charCodeAt(end - 1))) return undefined;
  const steps: number[] = [];
  const inOrder = [...numbers.entries()].sort(([, x], [, y]) => x.at - y.at);
  let at = 0;
  for (const [place, number] of inOrder) {
    steps.push(...unitsOf(head.slice(at, number.at)), -1 - place);
    at = number.at + number.digits;
  }
  steps.push(...unitsOf(head.slice(at, end)));
  const isLong = numbers.map(({ digits }: HeaderNumber) => digits === 4);
  return { form, steps: Int32Array.from(steps), isLong, zero };
}
