/**
 * The live screen of `persona start`: what the program does, redrawn in place at the foot of the terminal, with log
 * lines above it. States, counts and times; never a message, a name or a number of anybody. Where a person watches but
 * nothing can be redrawn (a pipe, TERM=dumb), a line for each change; where nobody watches, nothing but the QR code.
 */
import { DateTime } from 'luxon';
import type { Facts } from '../src/ops/status.ts';

export interface ScreenSettings {
  /** of the persona; the owner chose it */
  name: string;
  /** IANA zone of the times shown */
  timezone: string;
  caps: { perChatHour: number; perDay: number };
  /** port of the metrics; undefined: none */
  metricsPort?: number;
}

/** What is asked of a stream; process.stdout has it. */
export interface Output {
  isTTY?: boolean;
  columns?: number;
  rows?: number;
  write(text: string): unknown;
  hasColors?(): boolean;
  on?(event: 'resize', listener: () => void): unknown;
}

export interface Screen {
  settings(settings: ScreenSettings): void;
  show(facts: Facts): void;
  /** a QR code as text, or null when it was scanned or is over, and so is a pairing code */
  qr(drawn: string | null): void;
  /** a pairing code of eight characters, in the place of a QR code */
  code(code: string): void;
  /** a line that stays, above what is redrawn */
  print(line: string): void;
  close(): void;
}

type Tone = 'good' | 'wait' | 'bad' | 'plain' | 'dim';

interface Row {
  label: string;
  text: string;
  tone: Tone;
  /** worth a line of its own where nothing can be redrawn */
  isEvent: boolean;
}

const hideCursor = '\x1b[?25l';
const showCursor = '\x1b[?25h';
const colors: Record<Tone, string> = { good: '32', wait: '33', bad: '31', plain: '0', dim: '2' };
const labelWidth = 11;
const scanHint = 'Scan with WhatsApp on your phone (Linked devices > Link a device):';
const typeHint = 'Type on your phone (Linked devices > Link a device > Link with phone number):';

/**
 * @param isWatched a person reads this terminal, or the other end of the pipe
 * @param canRedraw false for TERM=dumb
 */
export function openScreen(out: Output, isWatched: boolean, canRedraw: boolean, now: () => number = Date.now): Screen {
  const isLive = out.isTTY === true && canRedraw;
  const hasColors = isLive && out.hasColors?.() === true; // false with NO_COLOR
  let settings: ScreenSettings | undefined;
  let facts: Facts | undefined;
  let link: { hint: string; text: string } | null = null;
  let drawn: string[] = [];
  const said = new Map<string, string>();

  const erase = (): string => (drawn.length === 0 ? '' : `\x1b[${drawn.length}A\x1b[0J`);
  const frame = (): string[] => {
    if (settings === undefined || facts === undefined) return [];
    const width = (out.columns ?? 80) - 1;
    const below = statusLines(facts, settings, now(), width, hasColors);
    if (link === null) return below;
    return [link.hint, '', ...link.text.split('\n'), ...below].slice(0, (out.rows ?? 24) - 1);
  };
  const redraw = (): void => {
    const next = frame();
    if (next.length === drawn.length && next.every((line, index) => line === drawn[index])) return;
    const text = next.map((line) => `${line}\n`).join('');
    out.write(`${hideCursor}${erase()}${text}`);
    drawn = next;
  };
  const restore = (): void => void (drawn.length > 0 && out.write(showCursor));
  if (isLive) {
    process.once('exit', restore);
    out.on?.('resize', () => {
      out.write('\x1b[2J\x1b[H'); // lines of another width cannot be found again
      drawn = [];
      redraw();
    });
  }

  const sayChanges = (): void => {
    if (!isWatched || settings === undefined || facts === undefined) return;
    for (const { label, text, isEvent } of rowsOf(facts, settings, now())) {
      if (!isEvent || said.get(label) === text) continue;
      said.set(label, text);
      out.write(`${label.padEnd(labelWidth)} ${text}\n`);
    }
  };

  /** In the screen where there is room, else above it. */
  const showLink = (next: { hint: string; text: string } | null): void => {
    const fits = isLive && next !== null && next.text.split('\n').length + 2 < (out.rows ?? 24);
    link = fits ? next : null;
    if (next !== null && !fits) {
      if (isLive) out.write(erase());
      drawn = [];
      out.write(`\n${next.hint}\n\n${next.text}\n`);
    }
    if (isLive) redraw();
  };

  return {
    settings: (next) => {
      settings = next;
    },
    show: (next) => {
      facts = next;
      if (isLive) redraw();
      else sayChanges();
    },
    qr: (drawnCode) => showLink(drawnCode === null ? null : { hint: scanHint, text: drawnCode }),
    code: (code) => showLink({ hint: typeHint, text: `${code.slice(0, 4)}-${code.slice(4)}` }),
    print: (line) => {
      out.write(`${isLive ? erase() : ''}${line}\n`);
      drawn = [];
      if (isLive) redraw();
    },
    close: () => {
      if (!isLive) return;
      restore();
      process.removeListener('exit', restore);
      drawn = [];
      facts = undefined;
    },
  };
}

/** The status as lines of at most `width` characters. */
export function statusLines(
  facts: Facts,
  settings: ScreenSettings,
  nowMs: number,
  width: number,
  hasColors: boolean,
): string[] {
  const paint = (text: string, tone: Tone): string =>
    hasColors && tone !== 'plain' ? `\x1b[${colors[tone]}m${text}\x1b[0m` : text;
  const cut = (text: string): string => (text.length > width ? `${text.slice(0, width - 1)}…` : text);
  const up = `up ${duration(nowMs - facts.startedAtMs)}`;
  const title = `${settings.name} on WhatsApp`;
  const head = cut(`${title.padEnd(Math.max(title.length + 1, Math.min(width, 72) - up.length))}${up}`);
  const port = settings.metricsPort;
  const foot = `Ctrl-C stops${port === undefined ? '' : `; metrics on http://127.0.0.1:${port}/metrics`}`;
  return [
    '',
    hasColors ? `\x1b[1m${head}\x1b[0m` : head,
    ...rowsOf(facts, settings, nowMs).map(({ label, text, tone }) => {
      const shown = cut(`${label.padEnd(labelWidth)} ${text}`);
      return `${paint(shown.slice(0, labelWidth), 'dim')}${paint(shown.slice(labelWidth), tone)}`;
    }),
    paint(cut(foot), 'dim'),
  ];
}

function rowsOf(facts: Facts, { timezone, caps }: ScreenSettings, nowMs: number): Row[] {
  const at = (ms: number): string => clock(ms, nowMs, timezone);
  const { whatsapp, chats, messages, replies, run, problem, backup } = facts;
  const retrain = retrainText(facts.retrain, at);
  return [
    {
      label: 'WhatsApp',
      text: `${whatsapp.state} since ${at(whatsapp.sinceMs)}`,
      tone: stateTone(whatsapp.state),
      isEvent: true,
    },
    {
      label: 'chats',
      text: `${count(chats.collect)} collected, replies on in ${count(chats.bot)}`,
      tone: 'plain',
      isEvent: false,
    },
    {
      label: 'messages',
      text: `${count(messages.today)} today, ${count(messages.total)} stored`,
      tone: 'plain',
      isEvent: false,
    },
    {
      label: 'replies',
      text: `${count(replies.today)} today; ${count(replies.lastDay)} of ${count(caps.perDay)} a day, ${count(caps.perChatHour)} an hour a chat; ${count(replies.refused)} refused`,
      tone: replies.lastDay >= caps.perDay ? 'wait' : 'plain',
      isEvent: false,
    },
    { label: 'model', text: run ?? 'none yet', tone: run === null ? 'wait' : 'plain', isEvent: true },
    { label: 'retrain', ...retrain, isEvent: facts.retrain.progress === null },
    {
      label: 'backup',
      text: backup === null ? 'none yet' : `${at(backup.atMs)}, ${megabytes(backup.bytes)}`,
      tone: backup === null ? 'wait' : 'plain',
      isEvent: true,
    },
    {
      label: 'problem',
      text: problem === null ? 'none' : `${at(problem.atMs)} ${problem.text}`,
      tone: problem === null ? 'plain' : 'bad',
      isEvent: problem !== null,
    },
  ];
}

function retrainText(
  { nextAtMs, progress, last }: Facts['retrain'],
  at: (ms: number) => string,
): { text: string; tone: Tone } {
  if (progress !== null) {
    const { phase, share, secondsLeft } = progress;
    const done = share === null ? '' : ` ${Math.floor(share * 100)} %`;
    const left = secondsLeft === null ? '' : `, ${duration(secondsLeft * 1000)} left`;
    return { text: `${phase}${done}${left}`, tone: 'wait' };
  }
  const next = nextAtMs === null ? 'not by itself' : `next ${at(nextAtMs)}`;
  if (last === null) return { text: next, tone: 'plain' };
  return { text: `${next}; last ${at(last.atMs)}: ${last.verdict}`, tone: last.verdict === 'failed' ? 'bad' : 'plain' };
}

function stateTone(state: Facts['whatsapp']['state']): Tone {
  if (state === 'ready') return 'good';
  return state === 'logged out' || state === 'blocked' || state === 'outdated' ? 'bad' : 'wait';
}

/** `14:03` of today, `Tue 14:03` within a week, else `2026-11-23 14:03`. */
function clock(ms: number, nowMs: number, zone: string): string {
  const [time, now] = [DateTime.fromMillis(ms, { zone }), DateTime.fromMillis(nowMs, { zone })];
  if (time.hasSame(now, 'day')) return time.toFormat('HH:mm');
  const isNear = Math.abs(ms - nowMs) < 6 * 24 * 3_600_000;
  return time.setLocale('en').toFormat(isNear ? 'ccc HH:mm' : 'yyyy-MM-dd HH:mm');
}

function duration(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 1) return `${Math.max(0, Math.floor(ms / 1000))} s`;
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`;
}

function count(value: number): string {
  return value.toLocaleString('en');
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_048_576).toLocaleString('en', { maximumFractionDigits: 1 })} MB`;
}
