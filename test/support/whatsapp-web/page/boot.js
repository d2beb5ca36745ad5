/** Start of the page: `window.require` over the module table, then load the session and connect. */
import { connect, setState } from './connection.js';
import { report, savedSession, sleep } from './link.js';
import { modules } from './modules.js';

window.addEventListener('error', ({ error, message }) => report('error', error ?? message));
window.addEventListener('unhandledrejection', ({ reason }) => report('unhandledrejection', reason));

const missing = new Set();

window.require = (name) => {
  if (name in modules) return modules[name];
  if (!missing.has(name)) report('missing module', name);
  missing.add(name);
  throw new Error(`Requiring unknown module "${name}"`); // as Meta's loader does
};

async function boot() {
  const { version, reloadOnceMs, stuckOpening, replaceStates, firstState } = await (
    await fetch('/_standin/boot')
  ).json();
  if (version) window.Debug = { VERSION: version };
  setState('OPENING');
  await savedSession.load();
  if (reloadOnceMs && !sessionStorage.getItem('reloaded')) {
    sessionStorage.setItem('reloaded', '1');
    setTimeout(() => location.reload(), reloadOnceMs);
    return; // this document never connects
  }
  if (stuckOpening) return;
  if (firstState) return setState(firstState); // and that is all it ever does
  for (let i = 1; i <= replaceStates; i++) setTimeout(() => history.replaceState(null, '', `/?x=${i}`), 150 * i);
  await sleep(0);
  connect();
}

boot().catch((error) => report('boot', error));
