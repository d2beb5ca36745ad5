/** A dialog made of nodes: the browser's own, so that focus stays in it, Escape closes it and what is behind it waits. */
import { make } from './thread-bubble.ts';

export interface Choice<T> {
  label: string;
  isPrimary?: boolean;
  /** it cannot be undone */
  isDanger?: boolean;
  /** what the dialog ends with; undefined: it stays open, and `say` has told why */
  value: () => T | undefined;
}

export interface Ask<T> {
  title: string;
  content: readonly Node[];
  choices: readonly Choice<T>[];
  /** has the focus first */
  focus?: HTMLElement;
}

let isOpen = false;

/** Is a dialog open now? Keys of the page wait then. */
export const hasDialog = (): boolean => isOpen;

/** Resolves with the value of the button that was pressed; undefined: closed without one. */
export function ask<T>({ title, content, choices, focus }: Ask<T>): Promise<T | undefined> {
  const dialog = make('dialog');
  const form = make('form');
  const heading = make('h2', '', title);
  heading.id = 'dialog-title';
  dialog.setAttribute('aria-labelledby', heading.id);
  const buttons = make('p', 'buttons');
  form.append(heading, ...content, buttons);
  dialog.append(form);
  document.body.append(dialog);

  return new Promise((resolve) => {
    let result: T | undefined;
    const end = (choice: Choice<T>): void => {
      result = choice.value();
      if (result !== undefined) dialog.close();
    };
    choices.forEach((choice) => {
      const look = [choice.isPrimary === true ? 'primary' : '', choice.isDanger === true ? 'danger' : ''];
      const button = make('button', look.join(' ').trim(), choice.label);
      button.type = choice.isPrimary === true ? 'submit' : 'button';
      if (choice.isPrimary !== true) button.addEventListener('click', () => end(choice));
      buttons.append(button);
    });
    const close = make('button', '', choices.length === 0 ? 'Close' : 'Cancel');
    close.type = 'button';
    close.addEventListener('click', () => dialog.close());
    buttons.append(close);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const primary = choices.find(({ isPrimary }) => isPrimary === true);
      if (primary !== undefined) end(primary);
      else if (choices.length === 0) dialog.close();
    });
    dialog.addEventListener('close', () => {
      isOpen = false;
      dialog.remove();
      resolve(result);
    });
    isOpen = true;
    dialog.showModal();
    (focus ?? close).focus();
  });
}

let fields = 0;

/** A control with its label above it. */
export function field(label: string, control: HTMLElement): HTMLElement {
  const box = make('p', 'field');
  const name = make('label', '', label);
  control.id = `field-${++fields}`;
  name.htmlFor = control.id;
  box.append(name, control);
  return box;
}
