/**
 * The library and its browser driver start work that nobody awaits; when the browser goes away, that work rejects and
 * would end the whole process. While a client is open, such rejections are reported and dropped. All others keep what
 * they would have done without this: another listener sees them, or the process ends with their stack.
 */

const theirs = /node_modules[\\/](?:whatsapp-web\.js|puppeteer|puppeteer-core|@puppeteer)[\\/]/;
/** whatsapp-web.js throws these two as bare strings */
const bareStrings = new Set<unknown>(['auth timeout', 'ready timeout']);

/** True for a rejection that whatsapp-web.js or puppeteer left behind. */
export function isLibraryRejection(reason: unknown): boolean {
  if (bareStrings.has(reason)) return true;
  return reason instanceof Error && theirs.test(reason.stack ?? '');
}

/** @returns a function that ends the containment */
export function containLibraryRejections(report: (reason: unknown) => void): () => void {
  const listener = (reason: unknown): void => {
    if (isLibraryRejection(reason)) report(reason);
    else if (process.listenerCount('unhandledRejection') === 1) throw reason;
  };
  process.on('unhandledRejection', listener);
  return () => process.off('unhandledRejection', listener);
}
