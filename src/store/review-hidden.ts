/**
 * Hidden spans of a text, drawn by hand on the review page. Whoever reads a masked text gets one `█` for each span and
 * where it stands; the words themselves stay in the store. Offsets are UTF-16 units, end exclusive.
 */

export interface Span {
  start: number;
  end: number;
}

/** stands for hidden words where people read */
export const hiddenMark = '█';

/** As the column holds it: `[[start,end],...]`, or `all`; null: nothing is hidden. */
export function parseHidden(column: string | null, text: string): Span[] {
  if (column === null) return [];
  if (column === 'all') return text === '' ? [] : [{ start: 0, end: text.length }];
  return (JSON.parse(column) as [number, number][]).map(([start, end]) => ({ start, end }));
}

/** Sorted, within the text, whole characters, neighbours joined; null where nothing is left to hide. */
export function toHiddenColumn(spans: readonly Span[], text: string): string | null {
  const sorted = spans
    .map(({ start, end }) => widen(text, Math.max(0, start), Math.min(text.length, end)))
    .filter(({ start, end }) => end > start)
    .sort((a, b) => a.start - b.start);
  const joined: Span[] = [];
  for (const span of sorted) {
    const last = joined.at(-1);
    if (last !== undefined && span.start <= last.end) last.end = Math.max(last.end, span.end);
    else joined.push({ ...span });
  }
  return joined.length === 0 ? null : JSON.stringify(joined.map(({ start, end }) => [start, end]));
}

/** Out to the edges of what people see as one character, so that no half of an emoji is left. */
function widen(text: string, start: number, end: number): Span {
  if (end <= start) return { start, end };
  let from = start;
  let to = end;
  for (const { index, segment } of characters.segment(text)) {
    if (index < start && index + segment.length > start) from = index;
    if (index < end && index + segment.length > end) to = index + segment.length;
    if (index >= end) break;
  }
  return { start: from, end: to };
}

const characters = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** The text as others may see it, and where in it words are hidden. */
export function maskText(text: string, spans: readonly Span[]): { text: string; hidden: Span[] } {
  const hidden: Span[] = [];
  let masked = '';
  let from = 0;
  for (const { start, end } of spans) {
    masked += text.slice(from, start);
    hidden.push({ start: masked.length, end: masked.length + hiddenMark.length });
    masked += hiddenMark;
    from = end;
  }
  return { text: masked + text.slice(from), hidden };
}
