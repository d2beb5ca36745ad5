/** What is left out of training in this thread, above it, each with a button that takes it back in. */
import { make } from './thread-bubble.ts';
import { nameNode, setText } from './thread-text.ts';
import type { ReviewState } from './thread-types.ts';

export function showLeftOut(
  all: ReviewState['leftOut'],
  here: { chatId: number; people: readonly number[] },
  takeIn: (id: number) => void,
): void {
  const list = document.querySelector<HTMLElement>('#left-out');
  if (list === null) return;
  const isHere = ({ chatId, personId }: ReviewState['leftOut'][number]): boolean =>
    chatId === here.chatId || (chatId === null && (personId === null || here.people.includes(personId)));
  list.replaceChildren(
    ...all.filter(isHere).map(({ id, name, what }) => {
      const item = make('li');
      const text = make('span');
      setText(text, what);
      const button = make('button', '', 'Take back in');
      button.type = 'button';
      button.addEventListener('click', () => takeIn(id));
      item.append('Left out: ', name === null ? 'everything' : nameNode(name), ' ', text, ' ', button);
      return item;
    }),
  );
  list.hidden = list.children.length === 0;
}
