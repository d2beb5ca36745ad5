/**
 * Charts and tables for a terminal: block characters, columns that line up, colour only where the terminal shows it and
 * NO_COLOR is not set. Lines in, nothing printed here.
 */

export interface Style {
  /** columns of the terminal, at most 110: wider charts are harder to read */
  width: number;
  color: boolean;
}

const widest = 110;
const pipeWidth = 80;

export function terminalStyle(
  stream: { isTTY?: boolean; columns?: number } = process.stdout,
  env: NodeJS.ProcessEnv = process.env,
): Style {
  const isTerminal = stream.isTTY === true;
  const color = isTerminal && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';
  return { width: Math.max(40, Math.min(widest, stream.columns ?? pipeWidth)), color };
}

/** SGR codes of the colours used: https://no-color.org and ECMA-48. */
const codes = { bold: [1, 22], dim: [2, 22], bar: [36, 39], accent: [33, 39] } as const;

export type Paint = keyof typeof codes;

export function paint(text: string, kind: Paint, { color }: Style): string {
  const [on, off] = codes[kind];
  return color && text !== '' ? `\u001b[${on}m${text}\u001b[${off}m` : text;
}

// === Text

const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });
/** Clusters that take two columns: East Asian wide and fullwidth (UAX 11), and emoji. */
const isWide =
  /^(?:\p{Emoji_Presentation}|\p{Extended_Pictographic}\ufe0f|[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6])/u;
/** Clusters that take none: combining marks and format characters alone. */
const isInvisible = /^[\p{M}\p{Cf}]+$/u;

/** Columns that a text takes in a terminal; colours take none. */
export function displayWidth(text: string): number {
  let width = 0;
  // eslint-disable-next-line no-control-regex -- these are the colours of `paint`
  for (const { segment } of segmenter.segment(text.replaceAll(/\u001b\[\d+m/g, ''))) {
    if (isWide.test(segment)) width += 2;
    else if (!isInvisible.test(segment)) width++;
  }
  return width;
}

/** A name from outside: one line, no control or direction characters, cut to `width` columns. */
export function label(text: string, width: number): string {
  const clean = text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
    character === '\u200d' ? character : '',
  );
  if (displayWidth(clean) <= width) return clean;
  let cut = '';
  let used = 0;
  for (const { segment } of segmenter.segment(clean)) {
    const next = displayWidth(segment);
    if (used + next > width - 1) break;
    used += next;
    cut += segment;
  }
  return `${cut}…`;
}

export function padEnd(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - displayWidth(text)));
}

export function padStart(text: string, width: number): string {
  return ' '.repeat(Math.max(0, width - displayWidth(text))) + text;
}

/** 12,345 whatever the locale of the machine */
export function number(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 0 });
}

/** 41 %; what is not nothing is never 0 %. */
export function percent(share: number): string {
  return share > 0 && share < 0.005 ? '<1 %' : `${Math.round(share * 100)} %`;
}

// === Charts

const indent = '  ';
const eighths = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
const heights = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const longestLabel = 20;
/** Longer bars tell no more and shout. */
const longestBar = 48;

export interface Bar {
  label: string;
  value: number;
  /** what stands behind the bar, column by column */
  notes: string[];
  paint?: Paint;
}

/** A line a bar, all to the scale of the longest. */
export function bars(rows: readonly Bar[], style: Style): string[] {
  const labels = rows.map((row) => label(row.label, longestLabel));
  const labelWidth = Math.max(0, ...labels.map(displayWidth));
  const columns = Math.max(0, ...rows.map(({ notes }) => notes.length));
  const noteWidths = Array.from({ length: columns }, (_, i) =>
    Math.max(...rows.map(({ notes }) => displayWidth(notes[i] ?? ''))),
  );
  const notesWidth = noteWidths.reduce((sum, width) => sum + width + 2, 0);
  const room = Math.min(longestBar, Math.max(8, style.width - indent.length - labelWidth - 2 - notesWidth));
  const largest = Math.max(...rows.map(({ value }) => value), 0);
  return rows.map(({ value, notes, paint: kind = 'bar' }, i) => {
    const bar = padEnd(paint(blocks(largest === 0 ? 0 : value / largest, room), kind, style), room);
    const behind = noteWidths.map((width, at) => `  ${padStart(notes[at] ?? '', width)}`).join('');
    return `${indent}${padEnd(labels[i]!, labelWidth)}  ${bar}${behind}`.trimEnd();
  });
}

/** A share of `width` columns in eighths of a column; the least there is to see for what is not nothing. */
export function blocks(share: number, width: number): string {
  const parts = Math.max(share > 0 ? 1 : 0, Math.round(share * width * 8));
  return '█'.repeat(Math.floor(parts / 8)) + eighths[parts % 8]!;
}

/**
 * Upright columns over one scale, `labels[i]` below column i where it has one.
 * @param options.height lines; `columnWidth` characters of a column, one of them the space to the next
 */
export function columns(
  values: readonly number[],
  labels: readonly string[],
  { height, columnWidth }: { height: number; columnWidth: number },
  style: Style,
): string[] {
  const largest = Math.max(...values, 0);
  const scale = number(largest);
  const axis = (text: string): string => `${indent}${padStart(text, scale.length)} `;
  const lines: string[] = [];
  for (let line = height - 1; line >= 0; line--) {
    const cells = values.map((value) => {
      const filled = largest === 0 ? 0 : Math.max(value > 0 ? 1 : 0, Math.round((value / largest) * height * 8));
      const cell = heights[Math.max(0, Math.min(8, filled - line * 8))]!;
      return `${cell.repeat(columnWidth - 1)} `;
    });
    const edge = line === height - 1 ? scale : line === 0 ? '0' : '';
    lines.push(`${axis(edge)}${paint(cells.join('').trimEnd(), 'bar', style)}`.trimEnd());
  }
  const below = labels.map((each) => padEnd(each, columnWidth)).join('');
  return [...lines, `${axis('')}${below}`.trimEnd()];
}

/**
 * Columns that line up: the first to the left, cut where the terminal is narrow, the others to the right; `header[i]` above
 * each.
 */
export function table(header: readonly string[], rows: readonly (readonly string[])[], style: Style): string[] {
  const lines = [header, ...rows];
  const widths = header.map((_, i) => Math.max(...lines.map((row) => displayWidth(row[i] ?? ''))));
  const wanted = Math.min(widths[0]!, longestLabel);
  const room = style.width - indent.length - widths.slice(1).reduce((sum, width) => sum + width, 0);
  const between = wanted + 3 * (widths.length - 1) <= room ? '   ' : '  ';
  const first = Math.min(wanted, Math.max(6, room - between.length * (widths.length - 1)));
  const written = lines.map((row) =>
    row
      .map((cell, i) => (i === 0 ? padEnd(label(cell, first), first) : padStart(cell, widths[i]!)))
      .join(between)
      .trimEnd(),
  );
  return written.map((line, i) => `${indent}${i === 0 ? paint(line, 'dim', style) : line}`.trimEnd());
}

/** The name of a section, with an empty line before it. */
export function heading(text: string, style: Style): string[] {
  return ['', paint(text, 'bold', style)];
}
