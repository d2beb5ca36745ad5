/**
 * The list of conversations and the search over all of them. Typing searches; arrows go through what was found, and Enter
 * opens it where it was said. What changes meanwhile is asked for again without moving anything that stands still.
 */
import { attempt, get } from './api.ts';
import type { ChatCard, ChatsAnswer } from './conversations-types.ts';
import { make } from './thread-bubble.ts';
import { nameNode, setText } from './thread-text.ts';
import type { SearchAnswer, SearchHit } from './thread-types.ts';

const typingMs = 150;
const askAgainMs = 400;

const element = <E extends HTMLElement>(id: string): E => {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`no #${id}`);
  return found as E;
};

const search = element<HTMLInputElement>('search');
const filters = ['person', 'from', 'to', 'decision', 'kind'] as const;
const found = element('found');
const results = element('results');
const hits = element('hits');
const moreHits = element<HTMLButtonElement>('more-hits');
const list = element('list');
const chats = element('chats');
const moreChats = element<HTMLButtonElement>('more-chats');
const chatFilter = new URLSearchParams(location.search).get('chat') ?? '';

const valueOf = (name: string): string => element<HTMLInputElement | HTMLSelectElement>(name).value;
const isSearching = (): boolean =>
  search.value.trim() !== '' || chatFilter !== '' || filters.some((name) => valueOf(name) !== '');

// === Conversations

let shownChats: ChatCard[] = [];
let nextChats: string | null = null;
let pages = 1;

function chatItem(card: ChatCard): HTMLElement {
  const item = make('li', 'chat');
  const link = make('a', 'chat-name');
  link.href = `/chat/${card.id}`;
  link.append(nameNode(card.name));
  const facts = make('p', 'faint');
  const span = card.first === null ? 'nothing stored' : `${card.first} to ${card.last ?? ''}`;
  facts.textContent = `${card.messages === 1 ? '1 message' : `${card.messages.toLocaleString('en')} messages`}, ${span}`;
  const people = make('p', 'people');
  card.people.forEach(({ name, messages }, at) => {
    people.append(at > 0 ? ', ' : '', nameNode(name), ` ${messages.toLocaleString('en')}`);
  });
  const decided = make('p', 'decided');
  for (const name of ['approved', 'rejected', 'undecided'] as const) {
    if (card[name] > 0)
      decided.append(
        make(
          'span',
          `decision ${name}`,
          `${card[name].toLocaleString('en')} ${name === 'undecided' ? 'not decided' : name}`,
        ),
      );
  }
  const status = make('p', 'status');
  for (const sentence of card.status) status.append(make('span', 'tag', sentence));
  item.append(link, facts, people, decided, status);
  return item;
}

/** Ask for as many pages as are shown, and change what changed. */
async function loadChats(): Promise<void> {
  const all: ChatCard[] = [];
  let after: string | null = '';
  let isDone = true;
  for (let page = 0; page < pages && after !== null; page++) {
    const answer: ChatsAnswer = await get(`/api/chats?after=${after}`);
    all.push(...answer.chats);
    after = answer.next;
    isDone &&= answer.isDone;
  }
  nextChats = after;
  const before = new Map(
    shownChats.map((card, at) => [card.id, { said: JSON.stringify(card), item: chats.children[at] }]),
  );
  const focusedId = document.activeElement instanceof HTMLAnchorElement ? document.activeElement.href : '';
  chats.replaceChildren(
    ...all.map((card) => {
      const known = before.get(card.id);
      return known?.item !== undefined && known.said === JSON.stringify(card) ? known.item : chatItem(card);
    }),
  );
  [...chats.querySelectorAll('a')].find(({ href }) => href === focusedId)?.focus({ preventScroll: true });
  shownChats = all;
  moreChats.hidden = nextChats === null;
  element('no-chats').hidden = all.length > 0;
  if (!isDone) setTimeout(() => attempt(loadChats), askAgainMs);
}

moreChats.addEventListener('click', () => {
  pages++;
  attempt(loadChats);
});

// === Search

let asked = 0;
let nextHits: string | null = null;

function query(before: string): string {
  const values = { text: search.value, chat: chatFilter, before };
  const all = new URLSearchParams(values);
  for (const name of filters) all.set(name, valueOf(name));
  return all.toString();
}

function hitItem(hit: SearchHit): HTMLElement {
  const item = make('li', 'hit');
  const link = make('a');
  link.href = `/chat/${hit.chatId}?at=${hit.id}`;
  const head = make('p', 'hit-head');
  head.append(nameNode(hit.name), hit.isBot ? ' (bot)' : '', ' in ', nameNode(hit.chat), ' ', make('time', '', hit.at));
  if (hit.decision !== null) head.append(' ', make('span', `decision ${hit.decision}`, hit.decision));
  const text = make('p', 'hit-text');
  const cut = hit.isCut.start ? '…' : '';
  const shift = cut.length;
  const marks = hit.marks.map(({ start, end }) => ({ start: start + shift, end: end + shift }));
  setText(text, `${cut}${hit.text}${hit.isCut.end ? '…' : ''}`, { marks });
  if (hit.media !== null) text.prepend(make('span', 'media', hit.media), ' ');
  link.append(head, text);
  item.append(link);
  return item;
}

async function runSearch(goesOn: boolean): Promise<void> {
  const own = ++asked;
  results.hidden = !isSearching();
  list.hidden = isSearching();
  if (!isSearching()) {
    found.textContent = '';
    return;
  }
  const answer = await get<SearchAnswer>(`/api/search?${query(goesOn ? (nextHits ?? '') : '')}`);
  if (own !== asked) return;
  const focusedAt = [...hits.querySelectorAll('a')].findIndex((link) => link === document.activeElement);
  if (!goesOn) hits.replaceChildren();
  hits.append(...answer.hits.map(hitItem));
  if (focusedAt >= 0) hits.querySelectorAll('a')[focusedAt]?.focus({ preventScroll: true });
  nextHits = answer.next;
  moreHits.hidden = nextHits === null;
  const where = chatFilter === '' ? '' : ' In one conversation only.';
  found.textContent = goesOn
    ? `${hits.children.length} are shown.`
    : `${answer.said}${where}${answer.preparing === null ? '' : ` The search is still being prepared: ${answer.preparing} %.`}`;
  if (answer.preparing !== null && !goesOn)
    setTimeout(() => own === asked && attempt(() => runSearch(false)), askAgainMs);
}

let timer: ReturnType<typeof setTimeout> | undefined;
search.addEventListener('input', () => {
  clearTimeout(timer);
  timer = setTimeout(() => attempt(() => runSearch(false)), typingMs);
});
for (const name of filters) element(name).addEventListener('change', () => attempt(() => runSearch(false)));
moreHits.addEventListener('click', () => attempt(() => runSearch(true)));
element('search-form').addEventListener('submit', (event) => {
  event.preventDefault();
  hits.querySelector('a')?.focus();
});

// === Keys

/** Links that arrows go through. */
const links = (): HTMLAnchorElement[] => [...(results.hidden ? chats : hits).querySelectorAll('a')];

document.addEventListener('keydown', (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || !(event.target instanceof Element)) return;
  const isTyping = event.target.matches('input, select, textarea');
  const isInSearch = event.target === search;
  if (event.key === '/' && !isTyping) {
    event.preventDefault();
    search.focus();
    return;
  }
  if (event.key === 'Escape' && isInSearch) {
    search.value = '';
    attempt(() => runSearch(false));
    return;
  }
  const isDown = event.key === 'ArrowDown' || (event.key === 'j' && !isTyping);
  const isUp = event.key === 'ArrowUp' || (event.key === 'k' && !isTyping);
  if ((!isDown && !isUp) || (isTyping && !isInSearch)) return;
  const all = links();
  const at = all.findIndex((link) => link === document.activeElement);
  event.preventDefault();
  if (isUp && at <= 0) return search.focus();
  all[Math.min(all.length - 1, at + (isDown ? 1 : -1))]?.focus();
});

document.addEventListener('persona:changed', () => attempt(isSearching() ? () => refreshHits() : loadChats));

/** New messages may have been found; those that somebody pages through stay. */
async function refreshHits(): Promise<void> {
  if (hits.children.length <= 50) await runSearch(false);
}

if (location.hash === '#search') search.focus();
attempt(async () => {
  await Promise.all([loadChats(), runSearch(false)]);
});
