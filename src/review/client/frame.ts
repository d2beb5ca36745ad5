/** What every page does: log out, tell how the night goes, and pass on that something changed. */
import { attempt, post, say } from './api.ts';

interface Progress {
  phase: string;
  /** 0 to 1; null where nobody knows */
  share: number | null;
}

document.querySelector('#logout')?.addEventListener('click', () =>
  attempt(async () => {
    await post('/logout');
    location.assign('/');
  }),
);

// a link that was opened although this browser is logged in: its token is nothing for the address bar
if (/^#[\w-]{43}$/.test(location.hash)) history.replaceState(null, '', location.pathname);

// a button that says itself what it asks for
document.addEventListener('click', (event) => {
  const button = event.target instanceof Element ? event.target.closest<HTMLElement>('[data-post]') : null;
  const { post: path, body = '{}' } = button?.dataset ?? {};
  if (path === undefined) return;
  attempt(async () => {
    await post(path, JSON.parse(body));
    location.reload();
  });
});

const night = document.querySelector('#night');
const events = new EventSource('/events');
/** Pages listen for `persona:changed` on the document. */
events.addEventListener('changed', () => document.dispatchEvent(new Event('persona:changed')));
events.addEventListener('link', () => document.dispatchEvent(new Event('persona:link')));
events.addEventListener('progress', (event) => {
  const progress = JSON.parse((event as MessageEvent<string>).data) as Progress | null;
  if (night !== null) night.textContent = progress === null ? '' : sentence(progress);
  document.dispatchEvent(new CustomEvent('persona:progress', { detail: progress }));
});
events.addEventListener('ended', () => {
  events.close();
  say('This page was left alone for too long: reload it, or open a new link.');
});

function sentence({ phase, share }: Progress): string {
  return share === null ? `Training: ${phase}` : `Training: ${phase}, ${Math.round(share * 100)} %`;
}
