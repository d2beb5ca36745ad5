/**
 * A thread: moving through it, selecting in it, and what is done with what is selected, by key and by button. Without a
 * selection the message that has the focus is meant. Every change goes to the server, and what is shown is asked for again.
 */
import { attempt, get, post, say } from './api.ts';
import { askDate, askHidden, askLeaveOut, askLine, showKeys, showTokens } from './thread-dialogs.ts';
import { hasDialog } from './thread-dialog.ts';
import { showLeftOut } from './thread-left-out.ts';
import { Selection, type Chosen } from './thread-selection.ts';
import { selectedSpan } from './thread-text.ts';
import type { ActionAnswer, ReviewState, Span, ThreadMessage, TokenView } from './thread-types.ts';
import { ThreadWindow, type Target } from './thread-window.ts';

const found = document.querySelector<HTMLElement>('#thread');
if (found !== null) open(found);

function open(box: HTMLElement): void {
  const chatId = Number(box.dataset['chat']);
  const selection = new Selection(chatId);
  const count = document.querySelector<HTMLElement>('#selected');
  const day = document.querySelector<HTMLElement>('#day');
  const nothing = document.querySelector<HTMLElement>('#nothing');
  let focusedId: number | undefined;
  let state: ReviewState = { undo: null, redo: null, leftOut: [] };

  const shown = new ThreadWindow(box, chatId, {
    quote: (id) => go({ at: id }),
    toggle: (message, isStretch) => {
      focusOn(message, false);
      pick(message, isStretch);
    },
    changed: () => mark(),
  });

  const focused = (): ThreadMessage | undefined => shown.messages.find(({ id }) => id === focusedId);

  /** Show what is selected and what has the focus, and which day is at the top. */
  function mark(): void {
    const { messages } = shown;
    for (const message of messages) {
      const element = shown.element(message.id);
      const isSelected = selection.has(message);
      element?.classList.toggle('selected', isSelected);
      const box = element?.querySelector<HTMLInputElement>('.pick');
      if (box !== null && box !== undefined) box.checked = isSelected;
      if (element !== undefined) element.tabIndex = message.id === focusedId ? 0 : -1;
    }
    if (focused() === undefined && messages.length > 0) shown.element(messages.at(-1)!.id)!.tabIndex = 0;
    if (count !== null) count.textContent = selection.said(messages);
    if (nothing !== null) nothing.hidden = messages.length > 0;
    markDay();
  }

  function markDay(): void {
    if (day === null) return;
    const top = box.getBoundingClientRect().top;
    const first = shown.messages.find(({ id }) => shown.element(id)!.getBoundingClientRect().bottom > top + 40);
    const line = first && shown.element(first.id)!.querySelector('.day');
    const isSeen = line !== null && line !== undefined && line.getBoundingClientRect().top > top - 20;
    day.textContent = first === undefined || isSeen ? '' : first.day;
    day.hidden = day.textContent === '';
  }

  function focusOn(message: ThreadMessage, scrolls = true): void {
    focusedId = message.id;
    const element = shown.element(message.id);
    element?.focus({ preventScroll: true });
    if (scrolls) element?.scrollIntoView({ block: 'nearest' });
    mark();
  }

  function pick(message: ThreadMessage, isStretch: boolean): void {
    if (isStretch) selection.extend(message, message);
    else selection.toggle(message, shown.messages);
    mark();
  }

  function move(by: number, isStretch: boolean): void {
    const { messages } = shown;
    const at = messages.findIndex(({ id }) => id === focusedId);
    const visible = at < 0 ? firstVisible() : at + by;
    const next = messages[Math.max(0, Math.min(messages.length - 1, visible))];
    if (next === undefined) return;
    const from = messages[at] ?? next;
    focusOn(next);
    if (isStretch) selection.extend(next, from);
    mark();
    shown.fill();
  }

  function firstVisible(): number {
    const { top } = box.getBoundingClientRect();
    return shown.messages.findIndex(({ id }) => shown.element(id)!.getBoundingClientRect().bottom > top + 40);
  }

  function go(target: Target): void {
    attempt(async () => {
      const message = await shown.jump(target);
      if (message === undefined) return 'at' in target ? say('That message is not here any more.') : undefined;
      focusOn(message, false);
      const element = shown.element(message.id);
      element?.classList.add('flash');
      setTimeout(() => element?.classList.remove('flash'), 1500);
    });
  }

  /** What the keys and buttons are about. */
  function chosen(): Chosen | undefined {
    const what = selection.chosen(focusedId);
    if (what === undefined) say('Go to a message first: press j or k, or click on one.');
    return what;
  }

  function one(): ThreadMessage | undefined {
    const message = focused() ?? shown.messages.find((each) => selection.has(each));
    if (message === undefined) say('Go to a message first: press j or k, or click on one.');
    return message;
  }

  async function change(path: string, body: unknown): Promise<void> {
    const answer = await post<ActionAnswer>(`/api/review/${path}`, body);
    state = answer;
    say(answer.said);
    markState();
    await shown.refresh();
  }

  function markState(): void {
    const of = { undo: state.undo, redo: state.redo };
    for (const [name, action] of Object.entries(of)) {
      const button = document.querySelector<HTMLButtonElement>(`[data-do=${name}]`);
      if (button === null) continue;
      button.ariaDisabled = String(action === null);
      button.title = action === null ? `Nothing to ${name}` : action.said;
    }
    showLeftOut(state.leftOut, { chatId, people: shown.messages.map(({ personId }) => personId) }, (id) =>
      attempt(() => change('include', { id })),
    );
  }

  const loadState = async (): Promise<void> => {
    state = await get<ReviewState>('/api/review/state');
    markState();
  };

  function decide(decision: 'approved' | 'rejected' | null): void {
    const what = chosen();
    if (what === undefined) return;
    attempt(() => change('decide', { selection: what, decision, seenAtMs: shown.seenAtMs }));
  }

  async function hide(): Promise<void> {
    const message = one();
    if (message === undefined) return;
    if (message.text === '') return say('There are no words in this message.');
    const text = shown.element(message.id)?.querySelector('.text');
    const span = text === null || text === undefined ? undefined : selectedSpan(text);
    const spans: Span[] | undefined = span === undefined ? await askHidden(message) : [...message.hidden, span];
    if (spans === undefined) return;
    await change('hide', { messageId: message.id, spans, editedAtMs: message.editedAtMs });
  }

  async function edit(): Promise<void> {
    const message = one();
    if (message === undefined) return;
    if (message.who !== 'persona') return say('Only lines of the persona can be written anew.');
    const answer = await askLine(message);
    if (answer === undefined) return;
    await change('line', { messageId: message.id, text: answer.line, editedAtMs: message.editedAtMs });
  }

  async function leaveOut(): Promise<void> {
    const message = one();
    if (message === undefined) return;
    const span = selection.span(shown.messages) ?? { fromMs: message.atMs, toMs: message.atMs };
    const days = await get<{ from: string; to: string }>(`/api/days?from=${span.fromMs}&to=${span.toMs}`);
    const answer = await askLeaveOut(message, chatId, days);
    if (answer !== undefined) await change('exclude', answer);
  }

  async function tokens(): Promise<void> {
    const message = one();
    if (message === undefined) return;
    await showTokens(await get<TokenView>(`/api/tokens?message=${message.id}`), message.id);
  }

  async function takeBack(which: 'undo' | 'redo'): Promise<void> {
    const action = state[which];
    if (action === null) return say(`There is nothing to ${which}.`);
    await change(which, { expectedId: action.id });
  }

  async function goToDay(): Promise<void> {
    const at = focused()?.atMs ?? shown.messages[0]?.atMs ?? Date.now();
    const days = await get<{ from: string }>(`/api/days?from=${at}&to=${at}`);
    const date = await askDate(days.from);
    if (date !== undefined) go({ date });
  }

  const work: Readonly<Record<string, () => void>> = {
    approve: () => decide('approved'),
    reject: () => decide('rejected'),
    clear: () => decide(null),
    hide: () => attempt(hide),
    edit: () => attempt(edit),
    'leave-out': () => attempt(leaveOut),
    tokens: () => attempt(tokens),
    undo: () => attempt(() => takeBack('undo')),
    redo: () => attempt(() => takeBack('redo')),
    day: () => attempt(goToDay),
    first: () => go({ end: 'first' }),
    last: () => go({ end: 'last' }),
    keys: () => attempt(showKeys),
    all: () => {
      selection.all();
      mark();
    },
    none: () => {
      selection.clear();
      mark();
    },
    search: () => location.assign(`/?chat=${chatId}#search`),
    answered: () => {
      const quote = focused()?.quote;
      if (quote !== null && quote !== undefined) go({ at: quote.id });
    },
    select: () => {
      const message = one();
      if (message !== undefined) pick(message, false);
    },
    stretch: () => {
      const message = one();
      if (message !== undefined) pick(message, true);
    },
    next: () => move(1, false),
    previous: () => move(-1, false),
    'stretch-next': () => move(1, true),
    'stretch-previous': () => move(-1, true),
  };
  const keys: Readonly<Record<string, string>> = {
    a: 'approve',
    r: 'reject',
    c: 'clear',
    h: 'hide',
    e: 'edit',
    o: 'leave-out',
    t: 'tokens',
    u: 'undo',
    U: 'redo',
    g: 'day',
    x: 'select',
    X: 'stretch',
    j: 'next',
    k: 'previous',
    J: 'stretch-next',
    K: 'stretch-previous',
    ArrowDown: 'next',
    ArrowUp: 'previous',
    'Shift ArrowDown': 'stretch-next',
    'Shift ArrowUp': 'stretch-previous',
    Home: 'first',
    End: 'last',
    Enter: 'answered',
    Escape: 'none',
    '/': 'search',
    '?': 'keys',
    'Ctrl a': 'all',
    'Ctrl z': 'undo',
    'Ctrl y': 'redo',
    'Ctrl Z': 'redo',
  };

  document.addEventListener('keydown', (event) => {
    const { target } = event;
    if (hasDialog() || event.altKey || !(target instanceof Element)) return;
    if (target.matches('input:not(.pick), select, textarea')) return;
    if ((event.key === 'Enter' || event.key === ' ') && target.closest('a, button, summary') !== null) return;
    const control = event.ctrlKey || event.metaKey ? 'Ctrl ' : '';
    const shift = event.shiftKey && event.key.startsWith('Arrow') ? 'Shift ' : '';
    const name = keys[control + shift + event.key];
    if (name === undefined) return;
    event.preventDefault();
    work[name]?.();
  });
  document.querySelector('#actions')?.addEventListener('click', (event) => {
    const name = (event.target as Element).closest<HTMLElement>('[data-do]')?.dataset['do'];
    if (name !== undefined) work[name]?.();
  });
  box.addEventListener('focusin', (event) => {
    const id = Number((event.target as Element).closest<HTMLElement>('.message')?.dataset['id']);
    if (Number.isNaN(id) || id === focusedId) return;
    focusedId = id;
    mark();
  });
  box.addEventListener('click', (event) => {
    const element = (event.target as Element).closest<HTMLElement>('.message');
    if (element === null || getSelection()?.isCollapsed === false) return;
    element.focus({ preventScroll: true });
  });
  let isWaiting = false;
  box.addEventListener('scroll', () => {
    if (isWaiting) return;
    isWaiting = true;
    requestAnimationFrame(() => {
      isWaiting = false;
      shown.fill();
      markDay();
    });
  });
  document.addEventListener('persona:changed', () =>
    attempt(async () => {
      await Promise.all([shown.refresh(), loadState()]);
    }),
  );

  const at = Number(new URLSearchParams(location.search).get('at'));
  go(at > 0 ? { at } : { end: 'last' });
  attempt(loadState);
}
