/**
 * One message as a bubble: who, what, when, what it answers, how people reacted, and what it is for tonight's training. Built
 * from text nodes alone.
 */
import { nameNode, setText } from './thread-text.ts';
import type { Standing, ThreadMessage } from './thread-types.ts';

/** An element with a class and text in it. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className = '',
  text = '',
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  if (className !== '') element.className = className;
  if (text !== '') element.textContent = text;
  return element;
}

const standings: Readonly<Record<Standing, string>> = {
  trains: 'Trains',
  context: 'Context',
  measured: 'Measures',
  out: 'Left out',
};
const decisions = { approved: 'Approved', rejected: 'Rejected' } as const;

export interface BubbleEvents {
  quote: (id: number) => void;
  toggle: (message: ThreadMessage, isStretch: boolean) => void;
}

/** The line above the first message of a day. */
export function daySeparator(day: string): HTMLElement {
  const line = make('div', 'day');
  line.append(make('span', '', day));
  return line;
}

/** What its neighbours make of a message. */
export interface BubblePlace {
  startsDay: boolean;
  /** somebody else spoke before */
  startsTurn: boolean;
}

export function bubble(
  message: ThreadMessage,
  { startsDay, startsTurn }: BubblePlace,
  events: BubbleEvents,
): HTMLElement {
  const article = make('article', `message ${message.who} ${message.standing}`);
  article.id = `m${message.id}`;
  article.tabIndex = -1;
  article.dataset['id'] = String(message.id);
  if (startsDay) article.append(daySeparator(message.day));

  const pick = make('input', 'pick');
  pick.type = 'checkbox';
  pick.tabIndex = -1;
  pick.ariaLabel = `Select the message of ${message.time}`;
  pick.addEventListener('click', (event) => events.toggle(message, event.shiftKey));

  const body = make('div', 'bubble');
  const by = make('p', startsTurn ? 'by' : 'by only-read');
  by.append(nameNode(message.name));
  if (message.who === 'persona') by.append(make('span', 'tag', 'persona'));
  if (message.who === 'bot') by.append(make('span', 'tag', 'bot'));
  body.append(by);
  if (message.quote !== null) body.append(quoteOf(message.quote, events));
  if (message.media !== null) body.append(make('p', 'media', message.media));
  if (message.isDeleted) body.append(make('p', 'media', 'This message was deleted'));
  if (message.text !== '') body.append(textOf(message));
  if (message.line !== null) body.append(lineOf(message.line));
  body.append(footOf(message));
  if (message.reactions.length > 0) body.append(reactionsOf(message));
  const row = make('div', 'row');
  row.append(pick, body);
  article.append(row);
  return article;
}

function textOf(message: ThreadMessage): HTMLElement {
  const text = make('p', message.line === null ? 'text' : 'text replaced');
  setText(text, message.text, { hidden: message.hidden });
  return text;
}

function lineOf(line: string): HTMLElement {
  const box = make('div', 'line');
  box.append(make('p', 'tag', 'learned instead'));
  const text = make('p', 'own');
  setText(text, line);
  box.append(text);
  return box;
}

function quoteOf(quote: NonNullable<ThreadMessage['quote']>, events: BubbleEvents): HTMLElement {
  const button = make('button', 'quote');
  button.type = 'button';
  button.tabIndex = -1;
  const name = make('span', 'by');
  name.append(nameNode(quote.name));
  const text = make('span', 'quoted');
  setText(text, quote.text);
  button.append(make('span', 'only-read', 'Go to the message this answers: '), name, text);
  button.addEventListener('click', () => events.quote(quote.id));
  return button;
}

function footOf(message: ThreadMessage): HTMLElement {
  const foot = make('p', 'foot');
  if (message.decision !== null) foot.append(make('span', `decision ${message.decision}`, decisions[message.decision]));
  const standing = make('span', `standing ${message.standing}`, standings[message.standing]);
  foot.append(standing);
  if (message.standing !== 'trains') foot.append(make('span', 'why', message.why));
  else standing.title = message.why;
  if (message.hidden.length > 0) foot.append(make('span', 'why', 'partly hidden'));
  if (message.editedAtMs !== null) foot.append(make('span', 'edited', 'edited'));
  foot.append(make('time', '', message.time));
  return foot;
}

function reactionsOf({ reactions }: ThreadMessage): HTMLElement {
  const list = make('p', 'reactions');
  for (const { emoji, name } of reactions) {
    const one = make('span', 'reaction');
    const sign = make('span');
    setText(sign, emoji);
    one.append(sign, ' ', nameNode(name));
    list.append(one);
  }
  return list;
}
