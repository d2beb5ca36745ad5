/**
 * Which messages are selected: some by id, or a stretch from one to another, which may reach far beyond what is loaded, or
 * the whole chat. No document in here.
 */

/** A message's place in its thread: by time, then by id. */
export interface Place {
  id: number;
  atMs: number;
}

/** As the server takes it (store/review-decide.ts). */
export type Chosen = { ids: number[] } | { chatId: number; between?: [number, number] };

const isAfter = (a: Place, b: Place): boolean => a.atMs > b.atMs || (a.atMs === b.atMs && a.id > b.id);

export class Selection {
  readonly #chatId: number;
  #ids = new Set<number>();
  #stretch: [from: Place, to: Place] | undefined;
  #isAll = false;
  /** where a stretch begins */
  #anchor: Place | undefined;

  constructor(chatId: number) {
    this.#chatId = chatId;
  }

  get isEmpty(): boolean {
    return !this.#isAll && this.#stretch === undefined && this.#ids.size === 0;
  }

  has(place: Place): boolean {
    if (this.#isAll || this.#ids.has(place.id)) return true;
    if (this.#stretch === undefined) return false;
    const [from, to] = this.#stretch;
    return !isAfter(from, place) && !isAfter(place, to);
  }

  clear(): void {
    this.#ids = new Set();
    this.#stretch = undefined;
    this.#isAll = false;
    this.#anchor = undefined;
  }

  all(): void {
    this.clear();
    this.#isAll = true;
  }

  /**
   * Take one in or out.
   * @param loaded messages at hand; what a stretch holds beyond them is let go
   */
  toggle(place: Place, loaded: readonly Place[]): void {
    if (this.#isAll || this.#stretch !== undefined) {
      this.#ids = new Set(loaded.filter((each) => this.has(each)).map(({ id }) => id));
      this.#stretch = undefined;
      this.#isAll = false;
    }
    if (!this.#ids.delete(place.id)) this.#ids.add(place.id);
    this.#anchor = place;
  }

  /** Everything from where the last `toggle` was, or from `fallback`, to here. */
  extend(place: Place, fallback: Place): void {
    const anchor = this.#anchor ?? fallback;
    this.clear();
    this.#anchor = anchor;
    this.#stretch = isAfter(anchor, place) ? [place, anchor] : [anchor, place];
  }

  /** Ids that are not there any more. */
  drop(ids: Iterable<number>): void {
    for (const id of ids) this.#ids.delete(id);
  }

  /** What to ask the server for; `focused` where nothing is selected. */
  chosen(focused: number | undefined): Chosen | undefined {
    if (this.#isAll) return { chatId: this.#chatId };
    if (this.#stretch !== undefined) {
      const [from, to] = this.#stretch;
      return { chatId: this.#chatId, between: [from.id, to.id] };
    }
    if (this.#ids.size > 0) return { ids: [...this.#ids] };
    return focused === undefined ? undefined : { ids: [focused] };
  }

  /** First and last instant, of those at hand; undefined: nothing is selected. */
  span(loaded: readonly Place[]): { fromMs: number; toMs: number } | undefined {
    if (this.#stretch !== undefined) return { fromMs: this.#stretch[0].atMs, toMs: this.#stretch[1].atMs };
    const times = loaded.filter((place) => this.has(place)).map(({ atMs }) => atMs);
    return times.length === 0 ? undefined : { fromMs: Math.min(...times), toMs: Math.max(...times) };
  }

  /** `3 selected`; '' where nothing is. */
  said(loaded: readonly Place[]): string {
    if (this.#isAll) return 'The whole chat is selected';
    if (this.#stretch === undefined) return this.#ids.size === 0 ? '' : `${this.#ids.size} selected`;
    const [from, to] = this.#stretch;
    const isLoaded = [from, to].every(({ id }) => loaded.some((place) => place.id === id));
    return isLoaded
      ? `${loaded.filter((place) => this.has(place)).length} selected`
      : 'A stretch is selected that reaches beyond what is shown';
  }
}
