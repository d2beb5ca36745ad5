/** What is asked before words are hidden, a line is written anew, or something is left out; the tokens, and the keys. */
import { say } from './api.ts';
import { make } from './thread-bubble.ts';
import { ask, field } from './thread-dialog.ts';
import { nameNode, setText } from './thread-text.ts';
import type { Span, ThreadMessage, TokenView } from './thread-types.ts';

/**
 * Which words of a message to hide: select them in the field, with the mouse or with Shift and the arrows.
 * @returns all spans that are hidden afterwards
 */
export function askHidden(message: ThreadMessage): Promise<Span[] | undefined> {
  const { text, hidden } = message;
  const area = make('textarea', 'words');
  // a field that is read-only has no caret to move with the arrows
  area.addEventListener('beforeinput', (event) => event.preventDefault());
  area.spellcheck = false;
  area.rows = 4;
  area.dir = 'auto';
  area.value = text;
  const toText = offsetsOf(text);
  const words = (): Span[] | undefined => {
    const span = { start: toText(area.selectionStart), end: toText(area.selectionEnd) };
    if (span.end > span.start) return [...hidden, span];
    say('Select the words first: hold Shift and press the arrow keys, or use the mouse.');
    return undefined;
  };
  const choices = [
    { label: 'Hide the selected words', isPrimary: true, value: words },
    { label: 'Hide the whole text', value: (): Span[] => [{ start: 0, end: text.length }] },
    ...(hidden.length > 0 ? [{ label: 'Show all of it again', value: (): Span[] => [] }] : []),
  ];
  const note = make(
    'p',
    'faint',
    'Hidden words are replaced by a blank before training. The original stays in the store on this machine.',
  );
  return ask({
    title: 'Hide words',
    content: [note, field('Select what should be hidden', area), ...already(message)],
    choices,
    focus: area,
  });
}

function already({ text, hidden }: ThreadMessage): Node[] {
  if (hidden.length === 0) return [];
  const line = make('p', 'text');
  setText(line, text, { hidden });
  return [make('p', 'faint', 'Hidden now:'), line];
}

/** A field shows line ends as one character; its offsets are those of such a text. */
function offsetsOf(text: string): (offset: number) => number {
  const kept: number[] = [];
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '\r' && text[at + 1] === '\n') at++;
    kept.push(text[at] === '\n' && text[at - 1] === '\r' ? at - 1 : at);
  }
  return (offset) => kept[offset] ?? text.length;
}

/** @returns the line; null: the original again */
export function askLine({ text, line }: ThreadMessage): Promise<{ line: string | null } | undefined> {
  const area = make('textarea', 'words');
  area.rows = 4;
  area.dir = 'auto';
  area.maxLength = 10_000;
  area.value = line ?? text;
  const original = make('p', 'text');
  setText(original, text);
  const typed = (): { line: string | null } | undefined => {
    if (area.value.trim() !== '') return { line: area.value };
    say('An empty line cannot be learned. Reject the message instead.');
    return undefined;
  };
  const choices = [
    { label: 'Learn this line', isPrimary: true, value: typed },
    ...(line === null ? [] : [{ label: 'Back to the original', value: (): { line: null } => ({ line: null }) }]),
  ];
  return ask({
    title: 'Edit the line',
    content: [make('p', 'faint', 'The original:'), original, field('Learn this instead', area)],
    choices,
    focus: area,
  });
}

export type LeaveOut =
  | { personId: number; chatId?: number }
  | { chatId: number; fromDate: string; toDate: string; personId?: number }
  | { chatId: number };

/** What should be left out of training. `days` are the first and last day of what is selected, `YYYY-MM-DD`. */
export function askLeaveOut(
  { personId, name }: ThreadMessage,
  chatId: number,
  days: { from: string; to: string },
): Promise<LeaveOut | undefined> {
  const group = make('fieldset');
  group.append(make('legend', '', 'What should be left out of training?'));
  const option = (value: string, ...label: (string | Node)[]): HTMLInputElement => {
    const line = make('label', 'option');
    const radio = make('input');
    radio.type = 'radio';
    radio.name = 'leave-out';
    radio.value = value;
    line.append(radio, ' ', ...label);
    group.append(line);
    return radio;
  };
  const first = option('days', 'Everything in this chat on these days');
  const from = dateField(days.from);
  const to = dateField(days.to);
  const dates = make('p', 'dates');
  dates.append(field('From', from), field('To', to));
  group.append(dates);
  option('here', 'Everything by ', nameNode(name), ' in this chat');
  option('person', 'Everything by ', nameNode(name), ' in every chat');
  option('chat', 'This whole chat');
  first.checked = true;
  const chosen = (): LeaveOut | undefined => {
    const value = group.querySelector<HTMLInputElement>('input[name=leave-out]:checked')?.value;
    if (value === 'here') return { personId, chatId };
    if (value === 'person') return { personId };
    if (value === 'chat') return { chatId };
    if (from.value !== '' && to.value !== '' && from.value <= to.value) {
      return { chatId, fromDate: from.value, toDate: to.value };
    }
    say('Give a first and a last day, in this order.');
    return undefined;
  };
  return ask({
    title: 'Leave out',
    content: [group],
    choices: [{ label: 'Leave out', isPrimary: true, value: chosen }],
    focus: first,
  });
}

function dateField(value: string): HTMLInputElement {
  const input = make('input');
  input.type = 'date';
  input.value = value;
  return input;
}

export async function askDate(day: string): Promise<string | undefined> {
  const input = dateField(day);
  const value = (): string | undefined => {
    if (input.value !== '') return input.value;
    say('Give a day.');
    return undefined;
  };
  return ask({
    title: 'Go to a day',
    content: [field('Day', input)],
    choices: [{ label: 'Go', isPrimary: true, value }],
    focus: input,
  });
}

/** The conversation as the model reads it. */
export async function showTokens({ tokens, said }: TokenView, messageId: number): Promise<void> {
  const list = make('p', 'tokens');
  list.dir = 'ltr';
  list.tabIndex = 0;
  list.setAttribute('role', 'region');
  list.ariaLabel = 'Tokens';
  let own: HTMLElement | undefined;
  for (const { text, isSpecial, hasLoss, messageId: of } of tokens) {
    const token = make(
      'span',
      ['token', isSpecial ? 'special' : '', hasLoss ? 'loss' : '', of === messageId ? 'here' : '']
        .filter((name) => name !== '')
        .join(' '),
    );
    const inner = make(hasLoss ? 'strong' : 'span');
    setText(inner, text.replaceAll(' ', '·').replaceAll('\n', '↵'));
    token.append(inner);
    if (of === messageId) own ??= token;
    list.append(token, '\u200b');
  }
  const legend = make('p', 'legend');
  legend.append(
    make('strong', 'token loss', 'learned'),
    ' ',
    make('span', 'token', 'read, not learned'),
    ' ',
    make('span', 'token special', '<|mark|>'),
    ' ',
    make('span', 'faint', 'a dot is a space'),
  );
  const closed = ask({
    title: 'Tokens of this conversation',
    content: [make('p', '', said), legend, list],
    choices: [],
  });
  own?.scrollIntoView({ block: 'center' });
  await closed;
}

const keys: readonly (readonly [string, string])[] = [
  ['j, k or ↓, ↑', 'next or previous message'],
  ['x', 'select; with Shift: everything up to here'],
  ['Shift + J, K', 'stretch the selection'],
  ['Ctrl + A', 'select the whole chat'],
  ['a', 'approve'],
  ['r', 'reject'],
  ['c', 'clear the decision'],
  ['h', 'hide words'],
  ['e', 'edit the line of the persona'],
  ['o', 'leave out a person, some days, or the chat'],
  ['t', 'see the tokens'],
  ['u', 'undo; with Shift: redo'],
  ['Enter', 'go to the message that is answered'],
  ['g', 'go to a day'],
  ['Home, End', 'first or last message'],
  ['/', 'search'],
  ['Esc', 'select nothing'],
  ['?', 'this list'],
];

export async function showKeys(): Promise<void> {
  const table = make('table', 'keys');
  for (const [key, meaning] of keys) {
    const row = make('tr');
    const head = make('th');
    head.scope = 'row';
    head.append(make('kbd', '', key));
    row.append(head, make('td', '', meaning));
    table.append(row);
  }
  await ask({ title: 'Keys', content: [table], choices: [] });
}
