/** The page's line to the stand-in's server, its error log, and the session that outlives a reload. */

/** The token of the linked device, once paired. */
export const session = { token: '' };

/** True while the event stream is down. */
export const line = { offline: true, hangOnSendMs: 0 };

export async function rpc(op, body = {}) {
  const response = await fetch('/_standin/rpc', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ op, token: session.token, ...body }),
  });
  if (!response.ok) throw new Error(`rpc ${op}: ${response.status}`);
  return response.json();
}

/** A request whose answer does not matter. */
export function tell(op, body) {
  rpc(op, body).catch(() => {});
}

/** What went wrong in the page, for the test to read. */
export function report(where, error) {
  const text = `${where}: ${error?.stack ?? error?.message ?? error}`;
  fetch('/_standin/pagelog', { method: 'POST', body: text }).catch(() => {});
}

/** Nothing else runs in this page meanwhile. */
export function busy(ms) {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function database(mode, work) {
  return new Promise((resolve, reject) => {
    const open = indexedDB.open('wawc', 1);
    open.onupgradeneeded = () => open.result.createObjectStore('kv');
    open.onerror = () => reject(open.error);
    open.onsuccess = () => {
      const db = open.result;
      const transaction = db.transaction('kv', mode);
      const request = work(transaction.objectStore('kv'));
      transaction.oncomplete = () => {
        db.close();
        resolve(request.result);
      };
      transaction.onerror = transaction.onabort = () => {
        db.close();
        reject(transaction.error);
      };
    };
  });
}

/** The session as WhatsApp Web keeps it: half in IndexedDB, half in localStorage; both must survive a restart. */
export const savedSession = {
  async load() {
    const inDatabase = await database('readonly', (store) => store.get('session'));
    const inStorage = localStorage.getItem('WANoiseInfo');
    if (Boolean(inDatabase) !== Boolean(inStorage)) report('session', 'half a session');
    session.token = inDatabase && inStorage ? inDatabase.half + JSON.parse(inStorage).half : '';
  },
  async save(token) {
    const cut = token.length >> 1;
    await database('readwrite', (store) => store.put({ half: token.slice(0, cut) }, 'session'));
    localStorage.setItem('WANoiseInfo', JSON.stringify({ half: token.slice(cut) }));
    session.token = token;
  },
  async clear() {
    await database('readwrite', (store) => store.clear());
    localStorage.clear();
    session.token = '';
  },
};
