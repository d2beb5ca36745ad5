/** A report card, read by card-markdown.ts, as part of a page. `html` escapes every piece of text that is put into it. */
import { html } from 'hono/html';
import type { Block, Exchange, Inline } from './card-markdown.ts';
import type { Html } from './layout.ts';
import { visible } from './pages/conversations-names.ts';

export function inlineView(content: readonly Inline[]): Html[] {
  return content.map((piece) => {
    switch (piece.kind) {
      case 'text':
        return html`${visible(piece.text)}`;
      case 'code':
        return html`<code>${visible(piece.text)}</code>`;
      case 'break':
        return html`<br />`;
      case 'strong':
        return html`<strong>${inlineView(piece.content)}</strong>`;
      case 'emphasis':
        return html`<em>${inlineView(piece.content)}</em>`;
    }
  });
}

/** All of a card but its own title, which the page has. */
export function cardView(blocks: readonly Block[]): Html {
  let title = '';
  return html`<article class="card">
    ${blocks.map((block) => {
      if (block.kind === 'heading') title = block.content.map((piece) => ('text' in piece ? piece.text : '')).join('');
      return blockView(block, title);
    })}
  </article>`;
}

function blockView(block: Block, title: string): Html {
  switch (block.kind) {
    case 'heading':
      if (block.level === 1) return html``;
      return block.level === 2
        ? html`<h2>${inlineView(block.content)}</h2>`
        : html`<h3>${inlineView(block.content)}</h3>`;
    case 'paragraph':
      return html`<p>${inlineView(block.content)}</p>`;
    case 'list':
      return html`<ul>
        ${block.items.map((item) => html`<li>${inlineView(item)}</li>`)}
      </ul>`;
    case 'quote':
      return quoteView(block.lines);
    case 'table':
      return tableView(block, title);
    case 'exchanges':
      return html``;
  }
}

/** What was said before a reply. */
export function quoteView(lines: readonly Inline[][]): Html {
  return html`<blockquote>${lines.map((line) => html`<p dir="auto">${inlineView(line)}</p>`)}</blockquote>`;
}

/** Numbers with their row's name first; text beside text (`real`, `sampled`) has no such column. */
function tableView({ head, rows }: Extract<Block, { kind: 'table' }>, title: string): Html {
  const hasNames = head[0]?.length === 0;
  const first = (cell: Inline[]): Html =>
    hasNames ? html`<th scope="row">${inlineView(cell)}</th>` : html`<td dir="auto">${inlineView(cell)}</td>`;
  return html`<div class="wide" tabindex="0" role="region" aria-label="${title === '' ? 'Table' : title}">
    <table>
      <thead>
        <tr>
          ${head.map((cell) => (cell.length === 0 ? html`<td></td>` : html`<th scope="col">${inlineView(cell)}</th>`))}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          ([name, ...cells]) =>
            html`<tr>
              ${name === undefined ? '' : first(name)}
              ${cells.map((cell) => html`<td dir="auto">${inlineView(cell)}</td>`)}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

/** One exchange under two runs: what was said, the real reply, and what each run says there. */
export function comparisonView(
  exchange: Pick<Exchange, 'said' | 'real'>,
  sampled: readonly { run: string; content: Inline[] | undefined }[],
  place: number,
): Html {
  return html`<section class="exchange" aria-label="Exchange ${place}">
    <h3>${place}</h3>
    ${quoteView(exchange.said)}
    <div class="real">
      <p class="by">what was really said</p>
      <p class="bubble" dir="auto">${inlineView(exchange.real)}</p>
    </div>
    <div class="beside">
      ${sampled.map(
        ({ run, content }) =>
          html`<div>
            <p class="by">${run}</p>
            ${
              content === undefined
                ? html`<p class="faint">not sampled here</p>`
                : html`<p class="bubble" dir="auto">${inlineView(content)}</p>`
            }
          </div>`,
      )}
    </div>
  </section>`;
}
