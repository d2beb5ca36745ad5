/** Pieces of a report card in Markdown: text of people that stays text, placeholders, tables. */
import type { RedactSpans } from '../../tokenizer/chat-format.ts';

/** Plain text amid a line: nothing in it is Markdown, HTML or a link, and it stays on its line. */
export function escape(text: string): string {
  return text
    .replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('://', '&#58;//')
    .replaceAll(/www\./gi, (start) => `${start.slice(0, 3)}&#46;`)
    .replaceAll(/[\\`*_[\]|~>$]/g, '\\$&');
}

/** `call [phone] tonight` */
export function withPlaceholders(text: string, redact: RedactSpans): string {
  let shown = '';
  let from = 0;
  for (const { start, end, token } of redact(text)) {
    shown += `${text.slice(from, start)}[${token}]`;
    from = end;
  }
  return shown + text.slice(from);
}

/** @param cells Markdown */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)];
}
