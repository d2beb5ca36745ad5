/**
 * Headers, fast. The thousands of headers of a file differ in their digits only, so what the grammar (header.ts) found once
 * is kept as a template, and a line that has the same characters around its numbers needs no grammar again. Gives exactly
 * what the grammar would.
 */
import { isMark, isSpace, unitsOf, zeroOf } from './characters.ts';
import { readHeader } from './header.ts';
import type { Header, HeaderForm } from './header.ts';
import type { Lines } from './lines.ts';

/** The grammar looks at 80 characters and the word that may go on behind them, after the marks that a line begins with. */
const longestHeader = 120;
const mostMarks = 120;
/** A form has a template for each number of digits that its numbers take and each day period; pasted logs may bring others. */
const mostTemplates = 64;
const longestTemplate = 60;
const fewestDigits = 5;
/** day, month and year among the bits of the six numbers */
const dateBits = 0b111;

/** Headers that have all the same characters but for the digits, and digits in the same places. */
interface Template {
  form: HeaderForm;
  /** UTF-16 units of the last header found with it */
  units: Uint16Array;
  /** for each unit which of the six numbers it is a digit of, or -1 */
  places: Int8Array;
  /** the digit zero of its script */
  zero: number;
  /** of each number in the last header: its value, and where its digits begin and how many they are */
  values: Int32Array;
  starts: Int32Array;
  digits: Int32Array;
}

export interface HeaderScanner {
  /** of the header found last: the three numbers of the date in written order, hour, minute, second */
  readonly values: Int32Array;
  readonly digits: Int32Array;
  /** of the header found last: where the text after it begins in `Lines.codes` */
  readonly end: number;
  /** of the header found last: the number by which the name behind it is known, or 0 */
  readonly name: number;
  /** another number where the header found last may have another date than the one before it */
  readonly dateId: number;
  /** The form of the header that the current line begins with, or undefined. Equal forms are the same object. */
  scan(line: Lines): HeaderForm | undefined;
}

export function createHeaderScanner(): HeaderScanner {
  const templates: Template[] = [];
  const forms = new Map<string, HeaderForm>();
  const values = new Int32Array(6);
  const digits = new Int32Array(6);
  let last: Template | undefined;

  /** Makes the header the last one found with the template, if it is one. */
  function match(template: Template, codes: Uint16Array, start: number, end: number): boolean {
    const { units, places, zero } = template;
    const { length } = units;
    if (end - start < length) return false;
    let changed = 0;
    for (let i = 0; i < length; i++) {
      const code = codes[start + i]!;
      if (code === units[i]) continue;
      const place = places[i]!;
      if (place < 0 || code < zero || code > zero + 9) return false;
      changed |= 1 << place;
    }
    if (changed !== 0) update(template, changed, codes, start);
    if (template !== last) {
      last = template;
      values.set(template.values);
      digits.set(template.digits);
      scanner.dateId++;
    } else if ((changed & dateBits) !== 0) scanner.dateId++;
    scanner.end = start + length;
    return true;
  }

  /** Reads the numbers whose bits are set in `changed`. */
  function update(template: Template, changed: number, codes: Uint16Array, start: number): void {
    for (let place = 0; place < 6; place++) {
      if ((changed & (1 << place)) === 0) continue;
      const first = template.starts[place]!;
      const stop = first + template.digits[place]!;
      let value = 0;
      for (let i = first; i < stop; i++) {
        const code = codes[start + i]!;
        template.units[i] = code;
        value = value * 10 + code - template.zero;
      }
      template.values[place] = values[place] = value;
    }
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
    scanner.dateId++;
    last = undefined;
    const template = templateOf(same, numbers, head, end);
    if (template === undefined) return same;
    if (templates.length === mostTemplates) templates.pop();
    templates.unshift(template);
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
    name: 0,
    dateId: 0,
    scan({ codes, text, start, end }: Lines): HeaderForm | undefined {
      for (let i = 0; i < templates.length; i++) {
        const template = templates[i]!;
        if (!match(template, codes, start, end)) continue;
        if (i > 0) {
          templates.copyWithin(1, 0, i);
          templates[0] = template;
        }
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
  const template: Template = {
    form,
    units: Uint16Array.from(unitsOf(head.slice(0, end))),
    places: new Int8Array(end).fill(-1),
    zero,
    values: new Int32Array(6),
    starts: new Int32Array(6),
    digits: new Int32Array(6),
  };
  for (const [place, { at, value, digits }] of numbers.entries()) {
    template.places.fill(place, at, at + digits);
    template.values[place] = value;
    template.starts[place] = at;
    template.digits[place] = digits;
  }
  return template;
}
