/** What the persona weighed, as nodes: candidates with their scores, and one reply token by token with its alternatives. */
import type { Candidate, Token, TokenChoice } from './playground-types.ts';
import { make } from './thread-bubble.ts';
import { setText } from './thread-text.ts';

/** `34 %`, `0.2 %`, `under 0.1 %` */
export function percent(share: number): string {
  const value = 100 * share;
  if (value >= 10) return `${Math.round(value)} %`;
  return value < 0.1 ? 'under 0.1 %' : `${value.toFixed(1)} %`;
}

/** Blanks and line ends as signs, so that a token of them is seen. */
const signs = (text: string): string => text.replaceAll(' ', '␣').replaceAll('\n', '⏎');

/** Class by chance: five steps. */
const step = (share: number): string => `chance-${Math.min(4, Math.floor(share * 5))}`;

/** Longest time that a gap stands for (docs/chat-format.md). */
const waits = ['5 s', '30 s', '2 min', '10 min', '1 h', '6 h'];

/** What a special token means, in words; the name of one that no reply holds. */
function meaning(name: string): string {
  const [, mark, number = ''] = /^<\|([a-z]+)(\d*)\|>$/.exec(name) ?? [];
  if (mark === 'gap') return `wait up to ${waits[Number(number)] ?? 'longer'}`;
  if (mark === 'quote') return `quotes ${number} back`;
  if (mark === 'msg') return 'next message';
  return mark === 'end' ? 'end' : name;
}

function tokenText({ text, isSpecial }: Pick<TokenChoice, 'text' | 'isSpecial'>): HTMLElement {
  const node = make('span', isSpecial ? 'token special' : 'token');
  setText(node, text === '' ? '…' : isSpecial ? meaning(text) : signs(text));
  if (isSpecial) node.title = text;
  return node;
}

export interface CandidateEvents {
  take: (candidate: Candidate) => void;
  dislike: (candidate: Candidate) => void;
}

/** @param taken seed of the one that the conversation goes on with */
export function candidateTable(
  candidates: readonly Candidate[],
  taken: number | undefined,
  events: CandidateEvents,
): HTMLElement {
  const table = make('table', 'candidates');
  const caption = make(
    'caption',
    '',
    'Information: how much likelier what was said makes it, in nats. Agreement: how much of it the others say too. The score weighs both alike.',
  );
  const head = make('tr');
  for (const title of ['Candidate', 'Yours', 'Why', 'Score', 'Information', 'Agreement']) {
    const cell = make('th', '', title);
    cell.scope = 'col';
    head.append(cell);
  }
  const body = make('tbody');
  for (const candidate of candidates) body.append(candidateRow(candidate, candidate.seed === taken, events));
  const top = make('thead');
  top.append(head);
  table.append(caption, top, body);
  return table;
}

function candidateRow(candidate: Candidate, isTaken: boolean, events: CandidateEvents): HTMLElement {
  const { bubbles, scores, why } = candidate;
  const row = make('tr', isTaken ? 'taken' : '');
  const said = make('th');
  said.scope = 'row';
  for (const text of bubbles) setText(said.appendChild(make('p', 'said')), text);
  if (bubbles.length === 0) said.append(make('p', 'faint', 'silence'));
  const number = (value: number | undefined, show: (value: number) => string): HTMLElement =>
    make('td', 'number', value === undefined ? '' : show(value));
  const yours = make('td');
  const act = (label: string, run: (candidate: Candidate) => void): void => {
    const button = make('button', '', label);
    button.type = 'button';
    button.addEventListener('click', () => run(candidate));
    yours.append(button, ' ');
  };
  if (isTaken) yours.append(make('strong', '', 'said'), ' ');
  else if (bubbles.length > 0) act('Take this', events.take);
  if (bubbles.length > 0) act('Bad', events.dislike);
  row.append(
    said,
    yours,
    make('td', 'why', why),
    number(scores?.score, (value) => value.toFixed(2)),
    number(scores?.information, (value) => value.toFixed(1)),
    number(scores?.agreement, percent),
  );
  return row;
}

/**
 * A reply as a row of tokens, one tab stop: arrows walk through it, and what a token might have been stands below it, on focus,
 * hover or tap.
 */
export function tokenRow(tokens: readonly Token[]): HTMLElement {
  const place = make('div', 'token-row');
  const row = make('div', 'row-of-tokens');
  row.setAttribute('role', 'group');
  row.setAttribute('aria-label', 'The reply, token by token: arrow keys go through it');
  const detail = make('div', 'token-detail');
  detail.setAttribute('aria-live', 'polite');
  const buttons = tokens.map(tokenButton);

  const show = (at: number): void => {
    buttons.forEach((button, other) => {
      button.tabIndex = other === at ? 0 : -1;
      if (other === at) button.setAttribute('aria-current', 'true');
      else button.removeAttribute('aria-current');
    });
    detail.replaceChildren(choiceTable(tokens[at]!));
  };
  buttons.forEach((button, at) => {
    button.addEventListener('focus', () => show(at));
    button.addEventListener('mouseenter', () => show(at));
    button.addEventListener('click', () => show(at));
  });
  row.addEventListener('keydown', (event) => {
    const from = buttons.indexOf(document.activeElement as HTMLButtonElement);
    const to = nextPlace(event.key, from, buttons.length);
    if (from === -1 || to === undefined) return;
    event.preventDefault();
    buttons[to]!.focus();
  });
  row.append(...buttons);
  place.append(row, detail);
  if (tokens.length > 0) show(0);
  return place;
}

function nextPlace(key: string, from: number, count: number): number | undefined {
  switch (key) {
    case 'ArrowRight':
    case 'ArrowDown':
      return Math.min(count - 1, from + 1);
    case 'ArrowLeft':
    case 'ArrowUp':
      return Math.max(0, from - 1);
    case 'Home':
      return 0;
    case 'End':
      return count - 1;
    default:
      return undefined;
  }
}

function tokenButton(token: Token): HTMLButtonElement {
  const button = make('button', `token-button ${step(token.drawn)}`);
  button.type = 'button';
  button.append(tokenText(token), make('span', 'chance', percent(token.drawn)));
  return button;
}

/** The token and what it might have been, by the plain model and with the settings. */
function choiceTable(token: Token): HTMLElement {
  const table = make('table', 'choices');
  const head = make('tr');
  for (const title of ['Token', 'With the settings', 'The model alone']) {
    const cell = make('th', '', title);
    cell.scope = 'col';
    head.append(cell);
  }
  const body = make('tbody');
  const all = [{ ...token, isDrawn: true }, ...token.others.map((other) => ({ ...other, isDrawn: false }))];
  for (const choice of all.sort((a, b) => b.probability - a.probability)) {
    const row = make('tr', choice.isDrawn ? 'taken' : '');
    const name = make('th');
    name.scope = 'row';
    name.append(tokenText(choice), choice.isDrawn ? ' drawn' : '');
    const drawn = choice.drawn === 0 && !choice.isDrawn ? 'cut off' : percent(choice.drawn);
    row.append(name, make('td', 'number', drawn), make('td', 'number', percent(choice.probability)));
    body.append(row);
  }
  const top = make('thead');
  top.append(head);
  table.append(make('caption', '', 'What could have stood here'), top, body);
  return table;
}
