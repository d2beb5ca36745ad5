/**
 * The bot's place: the link to WhatsApp, live, with the code that links the phone; quiet hours and caps asked in dialogs; and
 * why it said something, fetched when somebody wants to know.
 */
import { attempt, get, post, say } from './api.ts';
import type { BotPageState, LinkView, Why } from './bot-types.ts';
import { make } from './thread-bubble.ts';
import { ask, field, hasDialog } from './thread-dialog.ts';
import { setText } from './thread-text.ts';

const found = document.querySelector<HTMLElement>('#bot');
if (found !== null) open(found);

interface Caps {
  perChatSeconds: number;
  perChatHour: number;
  perDay: number;
}

const capLabels: Readonly<Record<keyof Caps, string>> = {
  perChatSeconds: 'Seconds between two replies in a chat',
  perChatHour: 'Replies an hour in a chat',
  perDay: 'Replies a day in all',
};
const capNames = Object.keys(capLabels) as (keyof Caps)[];

function open(place: HTMLElement): void {
  const said = document.querySelector<HTMLElement>('#link-said');
  const pairing = document.querySelector<HTMLElement>('#pairing');
  let shown = '';

  /** What is scanned or typed on the phone is drawn only when it is another: a code that blinks cannot be scanned. */
  async function drawLink(): Promise<void> {
    const view = await get<LinkView>('/api/bot/link');
    const next = JSON.stringify(view);
    if (said === null || pairing === null || next === shown) return;
    shown = next;
    if (said.textContent !== view.said) said.textContent = view.said;
    said.className = `link ${view.tone}`;
    pairing.replaceChildren(...pairingNodes(view));
  }

  /** Show the page that tells it. */
  async function change(path: string, body: unknown): Promise<void> {
    await post(path, body);
    location.reload();
  }

  place.addEventListener('click', (event) => {
    const button = (event.target as Element).closest<HTMLElement>('button');
    const chat = button?.dataset['quiet'];
    if (button === null) return;
    if (chat !== undefined) {
      const chatId = chat === 'everywhere' ? null : Number(chat);
      attempt(async () => {
        const hours = await askQuiet(chatId === null, button.dataset['now']!, button.dataset['default']!);
        if (hours !== undefined) await change('/api/bot/quiet', { chatId, hours });
      });
    } else if (button.id === 'caps') {
      attempt(async () => {
        const answer = await askCaps(button);
        if (answer !== undefined) await change('/api/bot/caps', answer);
      });
    }
  });
  // `toggle` does not bubble, but it is seen on the way down
  place.addEventListener(
    'toggle',
    (event) => {
      const details = event.target as HTMLDetailsElement;
      const reply = details.dataset['why'];
      if (reply === undefined || !details.open || details.childElementCount > 1) return;
      attempt(async () => {
        const nodes = whyNodes(await get<Why>(`/api/bot/why?reply=${reply}`));
        if (details.childElementCount === 1) details.append(...nodes);
      });
    },
    true,
  );

  for (const name of ['persona:link', 'persona:progress', 'persona:changed']) {
    document.addEventListener(name, () => attempt(drawLink));
  }
  document.addEventListener('persona:changed', () =>
    attempt(async () => {
      const { state } = await get<BotPageState>('/api/bot/state');
      if (state === place.dataset['state']) return;
      if (hasDialog() || place.querySelector('details[open]') !== null) {
        say('Something changed meanwhile: reload the page to see it.');
      } else location.reload();
    }),
  );
  attempt(drawLink);
}

function pairingNodes({ qr, code }: LinkView): Node[] {
  if (qr === null && code === null) return [];
  const steps = make('ol');
  const last = qr === null ? 'Choose "Link with phone number instead" and type this code.' : 'Scan this code.';
  for (const step of ['Open WhatsApp on the phone.', 'Open Linked devices, then Link a device.', last]) {
    steps.append(make('li', '', step));
  }
  if (qr === null) return [steps, make('p', 'pairing-code', code ?? '')];
  const image = make('img', 'qr');
  image.alt = 'The code to scan with the phone';
  image.width = image.height = 300;
  image.src = `/bot/qr.svg?n=${qr}`;
  return [steps, image];
}

/** @returns `22:00-08:00`, `none`, or `default`: as everywhere, or as persona.json says */
function askQuiet(isEverywhere: boolean, now: string, otherwise: string): Promise<string | undefined> {
  const group = make('fieldset');
  group.append(make('legend', '', 'When should it not reply?'));
  const isHours = now !== 'none' && now !== 'default';
  const option = (value: string, label: string): HTMLInputElement => {
    const line = make('label', 'option');
    const radio = make('input');
    radio.type = 'radio';
    radio.name = 'quiet';
    radio.value = value;
    radio.checked = value === (isHours ? 'hours' : now);
    line.append(radio, ` ${label}`);
    group.append(line);
    return radio;
  };
  const hours = option('hours', 'Every day at these hours');
  const [from = '22:00', to = '08:00'] = isHours ? now.split('-') : [];
  const [start, end] = [from, to].map((value) => {
    const input = make('input');
    input.type = 'time';
    input.value = value;
    input.addEventListener('input', () => {
      hours.checked = true;
    });
    return input;
  }) as [HTMLInputElement, HTMLInputElement];
  const times = make('p', 'dates');
  times.append(field('From', start), field('To', end));
  group.append(times);
  option('none', 'Never: it may reply at any hour');
  option('default', `As ${isEverywhere ? 'persona.json says' : 'in every other chat'} (${otherwise})`);
  const chosen = (): string | undefined => {
    const value = group.querySelector<HTMLInputElement>('input[name=quiet]:checked')?.value;
    if (value !== 'hours') return value;
    if (start.value !== '' && end.value !== '' && start.value !== end.value) return `${start.value}-${end.value}`;
    say('Give two different times.');
    return undefined;
  };
  return ask({
    title: isEverywhere ? 'Quiet hours everywhere' : 'Quiet hours in this chat',
    content: [group],
    choices: [{ label: 'Save', isPrimary: true, value: chosen }],
    focus: group.querySelector<HTMLInputElement>('input:checked') ?? hours,
  });
}

function askCaps(button: HTMLElement): Promise<{ caps: Caps | null } | undefined> {
  const read = <T>(name: 'now' | 'default' | 'bounds'): T => JSON.parse(button.dataset[name]!) as T;
  const now = read<Caps>('now');
  const otherwise = read<Caps>('default');
  const bounds = read<Record<keyof Caps, { min: number; max: number }>>('bounds');
  const inputs = capNames.map((name) => {
    const input = make('input');
    input.type = 'number';
    input.required = true;
    input.inputMode = 'numeric';
    input.min = String(bounds[name].min);
    input.max = String(bounds[name].max);
    input.value = String(now[name]);
    return { name, input };
  });
  // the browser itself says what is out of bounds, and sends the form only when all is within
  const typed = (): { caps: Caps } => {
    const numbers = inputs.map(({ name, input }) => [name, Number(input.value)] as const);
    return { caps: Object.fromEntries(numbers) as unknown as Caps };
  };
  const note = make(
    'p',
    'faint',
    `They count at once. WhatsApp may block who writes very much. persona.json says ${capNames.map((name) => otherwise[name]).join(', ')}.`,
  );
  return ask<{ caps: Caps | null }>({
    title: 'How much it may say',
    content: [...inputs.map(({ name, input }) => field(capLabels[name], input)), note],
    choices: [
      { label: 'Save', isPrimary: true, value: typed },
      { label: 'As persona.json says', value: () => ({ caps: null }) },
    ],
    focus: inputs[0]!.input,
  });
}

function whyNodes({ seen, made, near }: Why): Node[] {
  const context = make(
    'p',
    'faint',
    `${made} It saw ${seen === 1 ? '1 message' : `${seen} messages`} of this chat before it.`,
  );
  if (near.length === 0) return [context, make('p', 'faint', 'No stored line of the persona is near to it.')];
  const list = make('ul');
  for (const { text, chatId, messageId, percent } of near) {
    const link = make('a');
    link.href = `/chat/${chatId}?at=${messageId}`;
    const words = make('bdi');
    setText(words, text);
    link.append(words);
    const item = make('li');
    item.append(link, ' ', make('span', 'faint', `${percent} % of the words`));
    list.append(item);
  }
  return [context, make('p', 'faint', 'Lines of the persona that are nearest to it:'), list];
}
