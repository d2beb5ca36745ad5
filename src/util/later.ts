/** Runs `compute` now and hands its result, or what it threw, on as a promise: for interfaces that others wait on. */
export function later<T>(compute: () => T): Promise<T> {
  return new Promise((resolve) => {
    resolve(compute());
  });
}
