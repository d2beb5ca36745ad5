/**
 * Headers in bytes, fast. The thousands of headers of a file differ in their digits only, so what the grammar (header.ts)
 * found once is kept as a template, and a line that has the same bytes around its numbers needs no grammar again. Gives
 * exactly what the grammar would.
 */
import { isSpace, zeroOf } from './characters.ts';
import { readHeader } from './header.ts';
import type { Header, HeaderForm } from './header.ts';
import type { HeaderNumber } from './lexer.ts';

/** The grammar looks at 80 characters and the one behind them, of at most three bytes each. */
const mostHeaderBytes = 243;
/** A shape has a template for each of its day periods; pasted logs may bring their own. */
const mostTemplates = 64;
const longestTemplate = 60;
const fewestDigits = 5;

/** Steps: a byte to be the same, or -1 to -6 for the number of that place. */
interface Template {
  form: HeaderForm;
  steps: Int16Array;
  /** of the six numbers: written with four digits, not with one or two */
  isLong: readonly boolean[];
  /** the bytes of a digit before its last, and the last byte of zero */
  lead: readonly number[];
  zero: number;
}

export interface HeaderScanner {
  /** of the header found last: the three numbers of the date in written order, hour, minute, second */
  readonly values: Int32Array;
  readonly digits: Int32Array;
  /** of the header found last: where the text after it begins in the bytes */
  readonly end: number;
  /** The form of the header that the line begins with, or undefined. Equal forms are the same object. */
  scan(bytes: Buffer, start: number, end: number): HeaderForm | undefined;
}

export function createHeaderScanner(): HeaderScanner {
  const templates: Template[] = [];
  const forms = new Map<string, HeaderForm>();
  const values = new Int32Array(6);
  const digits = new Int32Array(6);

  /** Fills `values` and `digits`; returns the index after the header, or -1. */
  function match({ steps, lead, zero, isLong }: Template, bytes: Buffer, start: number, end: number): number {
    const leadLength = lead.length;
    if (end - start < steps.length) return -1;
    let i = start;
    for (let at = 0; at < steps.length; at++) {
      const step = steps[at]!;
      if (step >= 0) {
        if (bytes[i] !== step) return -1;
        i++;
        continue;
      }
      let value = 0;
      let count = 0;
      while (count < 5) {
        if (leadLength > 0 && !hasLead(bytes, i, lead)) break;
        const digit = (bytes[i + leadLength] ?? 0) - zero;
        if (digit < 0 || digit > 9) break;
        value = value * 10 + digit;
        i += leadLength + 1;
        count++;
      }
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
    scanner.end = start + Buffer.byteLength(head.slice(0, end));
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
    scan(bytes: Buffer, start: number, end: number): HeaderForm | undefined {
      for (let i = 0; i < templates.length; i++) {
        const template = templates[i]!;
        const found = match(template, bytes, start, end);
        if (found < 0) continue;
        // those that lines have often move to the front
        if (i > 0) [templates[i - 1], templates[i]] = [template, templates[i - 1]!];
        scanner.end = found;
        return boundedForm(template.form);
      }
      if (!mayBeHeader(bytes, start, end)) return undefined;
      const head = bytes.toString('utf8', start, Math.min(end, start + mostHeaderBytes));
      const header = readHeader(head);
      return header && take(header, head, start);
    },
  };
  return scanner;
}

function hasLead(bytes: Buffer, at: number, lead: readonly number[]): boolean {
  return bytes[at] === lead[0] && (lead.length === 1 || bytes[at + 1] === lead[1]);
}

/** Headers hold five numbers or more, in their first 80 characters. */
function mayBeHeader(bytes: Buffer, start: number, end: number): boolean {
  const stop = Math.min(end, start + mostHeaderBytes);
  let found = 0;
  for (let i = start; i < stop;) {
    const byte = bytes[i]!;
    if (byte < 0x80) {
      if (byte >= 0x30 && byte <= 0x39 && ++found === fewestDigits) return true;
      i++;
    } else if (byte < 0xe0) {
      if (zeroOf(((byte & 0x1f) << 6) | (bytes[i + 1]! & 0x3f)) >= 0 && ++found === fewestDigits) return true;
      i += 2;
    } else if (byte < 0xf0) {
      const code = ((byte & 0x0f) << 12) | ((bytes[i + 1]! & 0x3f) << 6) | (bytes[i + 2]! & 0x3f);
      if (zeroOf(code) >= 0 && ++found === fewestDigits) return true;
      i += 3;
    } else i += 4;
  }
  return false;
}

/** Undefined where the header is too long, mixes scripts of digits, or where the byte after it might belong to it. */
function templateOf(form: HeaderForm, numbers: Header['numbers'], head: string, end: number): Template | undefined {
  const [{ zero } = { zero: 0 }] = numbers;
  if (end > longestTemplate || numbers.some((number) => number.zero !== zero)) return undefined;
  if (!isSpace(head.charCodeAt(end - 1))) return undefined;
  const steps: number[] = [];
  const inOrder = [...numbers.entries()].sort(([, x], [, y]) => x.at - y.at);
  let at = 0;
  for (const [place, number] of inOrder) {
    steps.push(...Buffer.from(head.slice(at, number.at)), -1 - place);
    at = number.at + number.digits;
  }
  steps.push(...Buffer.from(head.slice(at, end)));
  const digit = [...Buffer.from(String.fromCharCode(zero))];
  return {
    form,
    steps: Int16Array.from(steps),
    isLong: numbers.map(({ digits }: HeaderNumber) => digits === 4),
    lead: digit.slice(0, -1),
    zero: digit.at(-1) ?? 0,
  };
}
