/**
 * Binary min-heap over plain values, for the two places where byte-pair encoding asks for "the best pair next":
 * training and encoding. Equal items come out in no promised order, so `before` must be a total order.
 */

export interface Heap<T> {
  push(item: T): void;
  /** the first item by `before`, or undefined when empty */
  pop(): T | undefined;
}

export function createHeap<T>(before: (a: T, b: T) => boolean): Heap<T> {
  const items: T[] = [];

  const push = (item: T): void => {
    let i = items.length;
    items.push(item);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!before(item, items[parent]!)) break;
      items[i] = items[parent]!;
      i = parent;
    }
    items[i] = item;
  };

  const pop = (): T | undefined => {
    const first = items[0];
    const last = items.pop();
    if (items.length === 0 || last === undefined) return first;
    let i = 0;
    for (let child = 1; child < items.length; child = 2 * i + 1) {
      if (child + 1 < items.length && before(items[child + 1]!, items[child]!)) child++;
      if (!before(items[child]!, last)) break;
      items[i] = items[child]!;
      i = child;
    }
    items[i] = last;
    return first;
  };

  return { push, pop };
}
