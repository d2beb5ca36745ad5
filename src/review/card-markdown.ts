/**
 * Reads a report card, report.md of a run: exactly the Markdown that nightly/report/ writes (headings, paragraphs, lists,
 * tables, quotes; strong, emphasis, code, line breaks; escapes and entities). Everything else is plain text, so nothing that
 * people wrote becomes more than text. Not covered: other Markdown, and the picture of the curve, which the page draws.
 */
import { z } from 'zod';

export type Inline =
  { kind: 'text' | 'code'; text: string } | { kind: 'strong' | 'emphasis'; content: Inline[] } | { kind: 'break' };

export type Block =
  | { kind: 'heading'; level: number; content: Inline[] }
  | { kind: 'paragraph'; content: Inline[] }
  | { kind: 'list'; items: Inline[][] }
  | { kind: 'quote'; lines: Inline[][] }
  | { kind: 'table'; head: Inline[][]; rows: Inline[][][] }
  /** what the sampled exchanges that follow are of (nightly/report/exchanges.ts) */
  | { kind: 'exchanges'; keys: string[] };

/** One sampled reply beside the real one. */
export interface Exchange {
  /** equal for the same context and real reply, in the card of any run */
  key: string;
  said: Inline[][];
  real: Inline[];
  sampled: Inline[];
}

const shownRows = z.array(z.object({ context: z.array(z.number()), real: z.array(z.number()), digest: z.string() }));

export function parseCard(markdown: string): Block[] {
  const blocks: Block[] = [];
  const lines = markdown.split('\n');
  for (let at = 0; at < lines.length;) {
    const line = lines[at]!;
    const stretch = (isPart: (line: string) => boolean): string[] => {
      const from = at;
      while (at < lines.length && isPart(lines[at]!)) at++;
      return lines.slice(from, at);
    };
    if (line === '' || line.startsWith('![')) at++;
    else if (line.startsWith('<!--')) {
      const keys = keysOf(line);
      if (keys !== undefined) blocks.push({ kind: 'exchanges', keys });
      at++;
    } else if (/^#{1,6} /.test(line)) {
      const level = line.indexOf(' ');
      blocks.push({ kind: 'heading', level, content: parseInline(line.slice(level + 1)) });
      at++;
    } else if (line.startsWith('- ')) {
      const items = stretch((each) => each.startsWith('- ')).map((each) => parseInline(each.slice(2)));
      blocks.push({ kind: 'list', items });
    } else if (line.startsWith('>')) {
      const quoted = stretch((each) => each.startsWith('>')).map((each) => each.slice(1).trim());
      blocks.push({ kind: 'quote', lines: quoted.filter((each) => each !== '').map(parseInline) });
    } else if (line.startsWith('|')) {
      const [head = [], , ...rows] = stretch((each) => each.startsWith('|')).map(cellsOf);
      blocks.push({ kind: 'table', head, rows });
    } else {
      blocks.push({ kind: 'paragraph', content: parseInline(line) });
      at++;
    }
  }
  return blocks;
}

/** The sampled exchanges of a card; none where they are withheld. */
export function exchangesOf(blocks: readonly Block[]): Exchange[] {
  const from = blocks.findIndex(({ kind }) => kind === 'exchanges');
  const named = blocks[from];
  if (named?.kind !== 'exchanges') return [];
  const exchanges: Exchange[] = [];
  let said: Inline[][] = [];
  for (const block of blocks.slice(from + 1)) {
    if (block.kind === 'heading' && block.level < 3) break;
    if (block.kind === 'heading') said = [];
    if (block.kind === 'quote') said = block.lines;
    const [cells] = block.kind === 'table' ? block.rows : [];
    if (cells === undefined) continue;
    const key = named.keys[exchanges.length];
    if (key !== undefined) exchanges.push({ key, said, real: cells[0] ?? [], sampled: cells[1] ?? [] });
  }
  return exchanges;
}

function keysOf(comment: string): string[] | undefined {
  const written = /^<!-- exchanges (\[.*\]) -->$/.exec(comment)?.[1];
  if (written === undefined) return undefined;
  try {
    return shownRows.parse(JSON.parse(written)).map((shown) => JSON.stringify(shown));
  } catch {
    return undefined; // not one of ours: the exchanges below it are shown, and compared with nothing
  }
}

/** Cells of a line `| a | b |`, blank ones too; `\|` is a character of a cell. */
function cellsOf(line: string): Inline[][] {
  const inner = line.trim().replace(/^\|/, '').replace(/\|$/, '');
  const cells = inner.match(/(?:\\.|[^\\|])+/g) ?? [];
  return cells.map((cell) => parseInline(cell.trim()));
}

const entities: Readonly<Record<string, string>> = { '&amp;': '&', '&lt;': '<' };

/** @param text of one line */
export function parseInline(text: string): Inline[] {
  const top: Inline[] = [];
  const open: { mark: string; content: Inline[] }[] = [];
  const here = (): Inline[] => open.at(-1)?.content ?? top;
  const put = (plain: string): void => {
    const last = here().at(-1);
    if (last?.kind === 'text') last.text += plain;
    else here().push({ kind: 'text', text: plain });
  };
  const toggle = (mark: '**' | '*'): void => {
    const closed = open.at(-1);
    if (closed?.mark !== mark) {
      open.push({ mark, content: [] });
      return;
    }
    open.pop();
    here().push({ kind: mark === '**' ? 'strong' : 'emphasis', content: closed.content });
  };
  // an escape, an entity, code, a line break, a mark, or one character
  for (const [piece] of text.matchAll(/\\.|&(?:amp|lt|#\d{1,7});|`[^`]*`|<br>|\*\*|[^\\&`<*]+|./gsu)) {
    if (piece.length === 2 && piece.startsWith('\\')) put(piece[1]!);
    else if (piece.startsWith('\\') && piece.length > 2) put(piece.slice(1));
    else if (piece.length > 2 && piece.startsWith('&#'))
      put(String.fromCodePoint(Math.min(0x10_ffff, Number(piece.slice(2, -1)))));
    else if (piece in entities) put(entities[piece]!);
    else if (piece.length > 1 && piece.startsWith('`')) here().push({ kind: 'code', text: piece.slice(1, -1) });
    else if (piece === '<br>') here().push({ kind: 'break' });
    else if (piece === '**' || piece === '*') toggle(piece);
    else put(piece);
  }
  // a mark that nobody closed is the character that it is
  while (open.length > 0) {
    const { mark, content } = open.pop()!;
    put(mark);
    here().push(...content);
  }
  return top;
}

/** The words alone. */
export function plainOf(content: readonly Inline[]): string {
  return content
    .map((piece) => {
      if (piece.kind === 'break') return '\n';
      return 'text' in piece ? piece.text : plainOf(piece.content);
    })
    .join('');
}
