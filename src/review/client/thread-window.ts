/**
 * The part of a thread that is in the document: a stretch of neighbouring messages around what is seen. Near an edge the next
 * page is asked for and put on, and as much is taken off the far end, so that a thread of any length costs the same. What
 * is seen stays where it is: the place of the first visible message is the same before and after.
 * Each message keeps its element as long as it says the same.
 */
import { attempt, get } from './api.ts';
import { bubble, type BubbleEvents, type BubblePlace } from './thread-bubble.ts';
import type { ThreadMessage, ThreadPage } from './thread-types.ts';

/** messages in the document at most */
const most = 300;
const pageSize = 80;
/** screens from an edge at which more is asked for */
const screensAhead = 3;

export type Target = { at: number } | { date: string } | { end: 'first' | 'last' };

interface Shown {
  message: ThreadMessage;
  said: string;
  element: HTMLElement;
}

export class ThreadWindow {
  readonly #box: HTMLElement;
  readonly #chatId: number;
  readonly #events: BubbleEvents & { changed: () => void };
  #shown: Shown[] = [];
  #hasOlder = false;
  #hasNewer = false;
  #isLoading = false;
  /** counts jumps, when they begin and when they end: what was asked for before either is thrown away */
  #era = 0;
  #seenAtMs = 0;

  constructor(box: HTMLElement, chatId: number, events: BubbleEvents & { changed: () => void }) {
    this.#box = box;
    this.#chatId = chatId;
    this.#events = events;
  }

  get messages(): ThreadMessage[] {
    return this.#shown.map(({ message }) => message);
  }

  /** when the oldest of what is shown was read from the store, unix ms */
  get seenAtMs(): number {
    return this.#seenAtMs;
  }

  get hasNewer(): boolean {
    return this.#hasNewer;
  }

  element(id: number): HTMLElement | undefined {
    return this.#shown.find(({ message }) => message.id === id)?.element;
  }

  /** Show another place. Resolves with the message that was asked for, as far as there is one. */
  async jump(target: Target): Promise<ThreadMessage | undefined> {
    const era = ++this.#era;
    const query = 'at' in target ? `at=${target.at}` : 'date' in target ? `date=${target.date}` : `end=${target.end}`;
    const page = await this.#ask(query);
    if (era !== this.#era) return undefined;
    this.#era++;
    this.#isLoading = false;
    this.#seenAtMs = page.seenAtMs;
    this.#hasOlder = page.hasOlder;
    this.#hasNewer = page.hasNewer;
    this.#render(page.messages);
    const { messages } = page;
    const isLast = 'end' in target && target.end === 'last';
    const found =
      'at' in target
        ? messages.find(({ id }) => id === target.at)
        : isLast
          ? messages.at(-1)
          : (messages[page.focus] ?? messages.at(-1));
    const element = found && this.element(found.id);
    if (isLast) this.#box.scrollTop = this.#box.scrollHeight;
    else element?.scrollIntoView({ block: 'date' in target ? 'start' : 'center' });
    this.fill();
    return found;
  }

  /** Ask again for what is shown: somebody else may have changed it, and new messages may have come. */
  async refresh(): Promise<void> {
    const era = this.#era;
    const first = this.#shown[0];
    if (first === undefined) {
      await this.jump({ end: 'last' });
      return;
    }
    const isAtEnd = this.#isAtEnd();
    const room = this.#hasNewer ? this.#shown.length : this.#shown.length + pageSize;
    const page = await this.#ask(`from=${first.message.id}&limit=${Math.min(room, most)}`);
    if (era !== this.#era) return;
    this.#seenAtMs = page.seenAtMs;
    this.#hasNewer = page.hasNewer;
    this.#keepingPlace(() => this.#render(page.messages));
    if (isAtEnd) this.#box.scrollTop = this.#box.scrollHeight;
  }

  /** Load what is missing near the edges. */
  fill(): void {
    if (this.#isLoading) return;
    const { scrollTop, scrollHeight, clientHeight } = this.#box;
    const ahead = screensAhead * clientHeight;
    if (this.#hasOlder && scrollTop < ahead) attempt(() => this.#more('older'));
    else if (this.#hasNewer && scrollHeight - scrollTop - clientHeight < ahead) attempt(() => this.#more('newer'));
  }

  async #more(side: 'older' | 'newer'): Promise<void> {
    const edge = side === 'older' ? this.#shown[0] : this.#shown.at(-1);
    if (edge === undefined) return;
    const era = this.#era;
    this.#isLoading = true;
    try {
      const page = await this.#ask(`${side === 'older' ? 'before' : 'after'}=${edge.message.id}&limit=${pageSize}`);
      if (era !== this.#era) return;
      this.#seenAtMs = Math.min(this.#seenAtMs, page.seenAtMs);
      if (side === 'older') this.#hasOlder = page.hasOlder;
      else this.#hasNewer = page.hasNewer;
      const known = new Set(page.messages.map(({ id: each }) => each));
      const rest = this.messages.filter((message) => !known.has(message.id));
      const all = side === 'older' ? [...page.messages, ...rest] : [...rest, ...page.messages];
      const kept = side === 'older' ? all.slice(0, most) : all.slice(-most);
      if (kept.length < all.length) {
        if (side === 'older') this.#hasNewer = true;
        else this.#hasOlder = true;
      }
      this.#keepingPlace(() => this.#render(kept));
    } finally {
      if (era === this.#era) this.#isLoading = false;
    }
    this.fill();
  }

  #ask(query: string): Promise<ThreadPage> {
    return get(`/api/thread?chat=${this.#chatId}&${query}`);
  }

  #isAtEnd(): boolean {
    const { scrollTop, scrollHeight, clientHeight } = this.#box;
    return !this.#hasNewer && scrollHeight - scrollTop - clientHeight < 8;
  }

  /** What is seen stays where it is, whatever grows or goes above it. */
  #keepingPlace(work: () => void): void {
    const top = this.#box.getBoundingClientRect().top;
    const places = this.#shown
      .map(({ message, element }) => ({ id: message.id, y: element.getBoundingClientRect().top - top, element }))
      .filter(({ y, element }) => y + element.offsetHeight > 0 && y < this.#box.clientHeight);
    work();
    for (const { id, y } of places) {
      const element = this.element(id);
      if (element === undefined) continue;
      const by = element.getBoundingClientRect().top - top - y;
      if (by !== 0) this.#box.scrollTop += by;
      return;
    }
  }

  /** Elements of messages that say the same are kept; a focused one that is made anew has the focus again. */
  #render(messages: readonly ThreadMessage[]): void {
    const before = new Map(this.#shown.map((each) => [each.message.id, each]));
    const focusedId = document.activeElement?.closest<HTMLElement>('.message')?.dataset['id'];
    this.#shown = messages.map((message, at) => {
      const place = placeOf(messages[at - 1], message);
      const said = JSON.stringify([place, message]);
      const known = before.get(message.id);
      if (known?.said === said) return known;
      return { message, said, element: bubble(message, place, this.#events) };
    });
    const kept = new Set(this.#shown.map(({ element }) => element));
    for (const { element } of before.values()) if (!kept.has(element)) element.remove();
    let next: Element | null = this.#box.firstElementChild;
    for (const { element } of this.#shown) {
      if (next === element) next = next.nextElementSibling;
      else this.#box.insertBefore(element, next);
    }
    this.#box.setAttribute('aria-busy', 'false');
    if (focusedId !== undefined && document.activeElement === document.body) {
      this.element(Number(focusedId))?.focus({ preventScroll: true });
    }
    this.#events.changed();
  }
}

/** Whether a day begins with this message, and whether somebody else spoke before. */
function placeOf(previous: ThreadMessage | undefined, { day, who, personId }: ThreadMessage): BubblePlace {
  const startsDay = previous?.day !== day;
  return { startsDay, startsTurn: startsDay || previous.who !== who || previous.personId !== personId };
}
