/** Exchanges the token behind # for a session, and takes it out of the address at once. */
const token = location.hash.slice(1);
const said = document.querySelector('#said');

async function logIn(): Promise<void> {
  history.replaceState(null, '', location.pathname);
  const response = await fetch('/login', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ token }),
  });
  if (response.ok) return location.reload();
  if (said === null) return;
  said.textContent =
    response.status === 429
      ? 'Too many wrong links. Wait a minute, then run npm run review for another one.'
      : 'This link was used before, or is more than an hour old. Run npm run review for another one.';
}

if (token !== '') void logIn();
