/** The places about people: what the buttons ask before they do it. What cannot be undone asks for the name. */
import { attempt, get, post, say } from './api.ts';
import type { PeopleAnswer, PeopleState } from './people-types.ts';
import { make } from './thread-bubble.ts';
import { ask, field, hasDialog } from './thread-dialog.ts';

const found = document.querySelector<HTMLElement>('#people');
if (found !== null) open(found);

function open(place: HTMLElement): void {
  const { person: personText, name = '' } = place.dataset;
  const personId = Number(personText);
  let isLeaving = false;
  const ticked = (): string[] =>
    [...place.querySelectorAll<HTMLInputElement>('#aliases input:checked')].map(({ value }) => value);

  /** Do it, then show the page that tells it. */
  async function change(path: string, body: unknown): Promise<void> {
    isLeaving = true; // what is done meanwhile is no reason to load the page again: the answer would be lost
    const { said, goTo } = await post<PeopleAnswer>(path, body).finally(() => (isLeaving = false));
    isLeaving = true;
    say(said);
    sessionStorage.setItem('said', said);
    if (goTo === location.pathname) location.reload();
    else location.assign(goTo);
  }

  async function sure(title: string, sentences: readonly string[], label: string): Promise<boolean> {
    const content = sentences.map((sentence) => make('p', '', sentence));
    return (await ask({ title, content, choices: [{ label, isPrimary: true, value: () => true }] })) === true;
  }

  const work: Readonly<Record<string, (button: HTMLElement) => Promise<void>>> = {
    'leave-out': async () => {
      await post('/api/review/exclude', { personId });
      isLeaving = true;
      location.reload();
    },
    'take-in': async (button) => {
      await post('/api/review/include', { id: Number(button.dataset['exclusion']) });
      isLeaving = true;
      location.reload();
    },
    withdraw: async () => {
      const sentences = [
        'Nothing more of this person is stored, and nobody gets an answer in their voice.',
        'What is stored stays on this machine, sealed: it is not trained on and not shown. Tonight the model is replaced.',
        'Only they can say yes again, in the chat.',
      ];
      if (await sure('Take their consent back?', sentences, 'Take it back'))
        await change('/api/people/withdraw', { personId });
    },
    split: async () => {
      const aliases = ticked();
      if (aliases.length === 0) return say('Tick the ids that are somebody else first.');
      const sentences = [
        'A new person gets these ids and what was written under them.',
        'They have agreed to nothing yet, so their messages are sealed until they do.',
      ];
      if (await sure('Split these ids off?', sentences, 'Split'))
        await change('/api/people/split', { personId, aliases });
    },
    merge: async () => {
      const other = place.querySelector<HTMLSelectElement>('#other');
      if (other === null) return;
      const sentences = ['Their messages and their consent are put together. Where either said no, no counts.'];
      if (await sure('Make them one person?', sentences, 'Make one')) {
        await change('/api/people/merge', { personId, otherId: Number(other.value) });
      }
    },
    forget: async () => {
      const input = make('input');
      input.type = 'text';
      input.dir = 'auto';
      input.autocomplete = 'off';
      const typed = (): string | undefined => {
        if (input.value.trim() !== '') return input.value;
        say('Type the name first.');
        return undefined;
      };
      const warning = make('p', 'warn', 'This cannot be undone.');
      const what = make(
        'p',
        '',
        'Everything this person wrote is erased now: messages, copies, exports, and every model that saw them. Training begins anew without them.',
      );
      const wanted = make('p');
      wanted.append('To go on, type the name: ', make('strong', 'wanted', name));
      const value = await ask({
        title: 'Forget this person?',
        content: [warning, what, wanted, field('Name', input)],
        choices: [{ label: 'Erase everything', isPrimary: true, isDanger: true, value: typed }],
        focus: input,
      });
      if (value === undefined) return;
      say('Erasing. This may take a minute.');
      await change('/api/people/forget', { personId, typed: value });
    },
  };
  place.addEventListener('click', (event) => {
    const button = (event.target as Element).closest<HTMLElement>('[data-people]');
    const run = work[button?.dataset['people'] ?? ''];
    if (button !== null && run !== undefined) attempt(() => run(button));
  });

  document.addEventListener('persona:changed', () =>
    attempt(async () => {
      const query = personText === undefined ? '' : `?person=${personId}`;
      const { state } = await get<PeopleState>(`/api/people/state${query}`);
      if (isLeaving || hasDialog() || ticked().length > 0) return;
      if (state !== place.dataset['state']) location.reload();
    }),
  );
  const said = sessionStorage.getItem('said');
  sessionStorage.removeItem('said');
  if (said !== null) say(said);
}
