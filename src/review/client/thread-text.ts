/**
 * Text of strangers as nodes, never as markup: characters that would turn the order of letters around or that nobody sees
 * are shown by their number, marked and hidden parts stand in elements of their own. Every element with `data-from` says
 * where in the text it begins, so that what somebody selects with the mouse can be told in offsets.
 */
import type { Span } from './thread-types.ts';

/** Directional controls (UAX 9), zero-width and control characters; the joiners of emoji and scripts are left alone. */
const unseen = /(?![\t\n])[\p{Bidi_Control}\p{Cc}\u00ad\u200b\u2060-\u2064\ufeff]/u;
const split = new RegExp(`(${unseen.source})`, 'u');

export interface TextMarks {
  /** found by a search */
  marks?: readonly Span[];
  /** hidden from training */
  hidden?: readonly Span[];
}

/** `U+202E` for a character. */
export const codePoint = (character: string): string =>
  `U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}`;

function put(target: Element, text: string, from: number): void {
  let at = from;
  for (const piece of text.split(split)) {
    if (piece === '') continue;
    const span = document.createElement('span');
    span.dataset['from'] = String(at);
    if (unseen.test(piece)) {
      span.className = 'unseen';
      span.title = 'a character that nobody sees';
      span.textContent = codePoint(piece);
    } else span.textContent = piece;
    target.append(span);
    at += piece.length;
  }
}

/** Put a text into an element, which is emptied first. Spans may touch but not overlap those of the same kind. */
export function setText(element: HTMLElement, text: string, { marks = [], hidden = [] }: TextMarks = {}): void {
  const spans = [
    ...marks.map((span) => ({ ...span, kind: 'mark' as const })),
    ...hidden.map((span) => ({ ...span, kind: 'del' as const })),
  ].sort((a, b) => a.start - b.start);
  element.replaceChildren();
  element.dir = 'auto';
  let from = 0;
  for (const { start, end, kind } of spans) {
    if (start < from) continue;
    put(element, text.slice(from, start), from);
    const part = document.createElement(kind);
    if (kind === 'del') part.title = 'hidden from training';
    put(part, text.slice(start, end), start);
    element.append(part);
    from = end;
  }
  put(element, text.slice(from), from);
}

/** A name in the middle of a sentence: a direction of its own. */
export function nameNode(name: string): HTMLElement {
  const node = document.createElement('bdi');
  put(node, name, 0);
  return node;
}

/** Where a point of the document lies in the text that `setText` put into `element`. */
function offsetOf(element: Element, node: Node, offset: number): number | undefined {
  const place = node instanceof Element ? (node.childNodes[offset] ?? node.lastChild ?? node) : node;
  const holder = (place instanceof Element ? place : place.parentElement)?.closest<HTMLElement>('[data-from]');
  const isEnd = node instanceof Element && offset >= node.childNodes.length;
  if (holder === null || holder === undefined || !element.contains(holder)) {
    if (!(place instanceof Element) || !element.contains(place)) return undefined;
    const inner = [...place.querySelectorAll<HTMLElement>('[data-from]')];
    const edge = isEnd ? inner.at(-1) : inner[0];
    return edge === undefined ? undefined : Number(edge.dataset['from']) + (isEnd ? lengthOf(edge) : 0);
  }
  const from = Number(holder.dataset['from']);
  if (node instanceof Element) return from + (isEnd ? lengthOf(holder) : 0);
  return holder.className === 'unseen' ? from + (offset > 0 ? 1 : 0) : from + offset;
}

const lengthOf = (holder: HTMLElement): number =>
  holder.className === 'unseen' ? 1 : (holder.textContent ?? '').length;

/** The selected part of a text, where all of the selection lies within it. */
export function selectedSpan(element: Element): Span | undefined {
  const selection = getSelection();
  if (selection === null || selection.isCollapsed || selection.rangeCount === 0) return undefined;
  const range = selection.getRangeAt(0);
  const start = offsetOf(element, range.startContainer, range.startOffset);
  const end = offsetOf(element, range.endContainer, range.endOffset);
  return start === undefined || end === undefined || end <= start ? undefined : { start, end };
}
