/** How a page talks to its server: JSON both ways, errors as sentences. */

/** The server's own words for what went wrong, and what to do about it. */
export class RequestError extends Error {
  readonly hint: string;
  readonly status: number;

  constructor(message: string, hint: string, status: number) {
    super(message);
    this.hint = hint;
    this.status = status;
  }
}

const idleMs = 60_000;
let inputMs = Date.now();
for (const name of ['keydown', 'pointerdown', 'wheel']) {
  document.addEventListener(name, () => (inputMs = Date.now()), { capture: true, passive: true });
}

/** A page that asks by itself while nobody is there does not keep the session alive (server.ts). */
const watching = (): Record<string, string> => (Date.now() - inputMs > idleMs ? { 'X-Watch': '1' } : {});

async function answerOf<T>(response: Response): Promise<T> {
  const body = (await response.json().catch(() => ({}))) as T & { error?: string; hint?: string };
  if (response.ok) return body;
  if (response.status === 401) location.reload();
  throw new RequestError(body.error ?? `the server answered ${response.status}`, body.hint ?? '', response.status);
}

export async function get<T>(path: string): Promise<T> {
  return answerOf<T>(await fetch(path, { headers: { Accept: 'application/json', ...watching() } }));
}

export async function post<T>(path: string, body: unknown = {}): Promise<T> {
  return answerOf<T>(
    await fetch(path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
      body: JSON.stringify(body),
    }),
  );
}

/** A short sentence at the foot of the page, read aloud by screen readers. */
export function say(text: string): void {
  const toast = document.querySelector('#toast');
  if (toast !== null) toast.textContent = text;
}

/** Runs what a click asked for; what goes wrong is said, not lost. */
export function attempt(work: () => Promise<void>): void {
  work().catch((error: unknown) => {
    if (error instanceof RequestError) say(error.hint === '' ? error.message : `${error.message} ${error.hint}`);
    else say('The page has lost its server. Is it still running?');
  });
}
