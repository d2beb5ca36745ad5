/** The live screen on a small model of a terminal: drawn once, in place, below the log; and what stands where it cannot be. */
import { describe, expect, test } from 'vitest';
import { openScreen, statusLines } from '../../scripts/live-screen.ts';
import type { Output, Screen, ScreenSettings } from '../../scripts/live-screen.ts';
import type { Facts } from '../../src/ops/status.ts';

const nowMs = Date.UTC(2026, 10, 23, 12, 0);
const settings: ScreenSettings = {
  name: 'Juno',
  timezone: 'Europe/London',
  caps: { perChatHour: 20, perDay: 100 },
  metricsPort: 4681,
};
const facts: Facts = {
  startedAtMs: nowMs - 3 * 3_600_000,
  whatsapp: { state: 'ready', sinceMs: nowMs - 3_600_000 },
  chats: { collect: 3, bot: 1 },
  messages: { today: 214, total: 18402 },
  replies: { today: 7, lastDay: 9, refused: 2 },
  run: '2026-11-23T03-00-05Z',
  retrain: { nextAtMs: nowMs + 15 * 3_600_000, progress: null, last: null },
  backup: { atMs: nowMs - 9 * 3_600_000, bytes: 12.34 * 1_048_576 },
  problem: null,
};

const esc = '\x1b';
const escapesAndText = new RegExp(`(${esc}\\[[?\\d;]*[a-z])|([^${esc}]+)`, 'gi');

/** Text, newlines, cursor up, clear below, clear all; everything else of the screen's is style. */
class Terminal implements Output {
  isTTY = true;
  lines: string[] = [''];
  row = 0;
  raw = '';
  columns: number;
  rows: number;
  colors: boolean;
  #resize: (() => void) | undefined;

  constructor(columns = 80, rows = 40, colors = false) {
    this.columns = columns;
    this.rows = rows;
    this.colors = colors;
  }

  hasColors(): boolean {
    return this.colors;
  }

  on(_event: 'resize', listener: () => void): void {
    this.#resize = listener;
  }

  resize(columns: number): void {
    this.columns = columns;
    this.#resize?.();
  }

  write(text: string): void {
    this.raw += text;
    for (const [, escape, plain = ''] of text.matchAll(escapesAndText)) {
      if (escape === undefined) this.#type(plain);
      else if (escape === '\x1b[0J') this.lines.splice(this.row + 1);
      else if (escape === '\x1b[2J') this.lines = [''];
      else if (escape === '\x1b[H') this.row = 0;
      else if (escape.endsWith('A')) {
        this.row -= Number(escape.slice(2, -1));
        this.lines[this.row] = '';
      }
    }
  }

  #type(text: string): void {
    for (const [index, part] of text.split('\n').entries()) {
      if (index > 0) this.lines[++this.row] = '';
      this.lines[this.row] += part;
    }
  }

  get shown(): string {
    return this.lines.join('\n');
  }
}

function open(out: Output, isWatched = true, canRedraw = true): Screen {
  const screen = openScreen(out, isWatched, canRedraw, () => nowMs);
  screen.settings(settings);
  return screen;
}

const times = (text: string, part: string): number => text.split(part).length - 1;

describe('on a terminal', () => {
  test('says all there is to say', () => {
    expect(statusLines(facts, settings, nowMs, 79, false)).toEqual([
      '',
      'Juno on WhatsApp                                            up 3 h 0 min',
      'WhatsApp    ready since 11:00',
      'chats       3 collected, replies on in 1',
      'messages    214 today, 18,402 stored',
      'replies     7 today; 9 of 100 a day, 20 an hour a chat; 2 refused',
      'model       2026-11-23T03-00-05Z',
      'retrain     next Tue 03:00',
      'backup      03:00, 12.3 MB',
      'problem     none',
      'Ctrl-C stops; metrics on http://127.0.0.1:4681/metrics',
    ]);
  });

  test('a retrain shows how far it is, then how it ended', () => {
    const during = { nextAtMs: null, progress: { phase: 'training', share: 0.437, secondsLeft: 725 }, last: null };
    const after = { ...facts.retrain, last: { verdict: 'kept', reason: '', atMs: nowMs } } as const;
    const line = (retrain: Facts['retrain']): string =>
      statusLines({ ...facts, retrain }, settings, nowMs, 79, false)[7] ?? '';
    expect(line(during)).toBe('retrain     training 43 %, 12 min left');
    expect(line(after)).toBe('retrain     next Tue 03:00; last 12:00: kept');
  });

  test('is redrawn in place, and only where something changed', () => {
    const terminal = new Terminal();
    const screen = open(terminal);
    screen.show(facts);
    const first = terminal.raw.length;
    screen.show({ ...facts });
    expect(terminal.raw.length).toBe(first);
    screen.show({ ...facts, messages: { today: 215, total: 18403 } });
    expect(times(terminal.shown, 'Juno on WhatsApp')).toBe(1);
    expect(terminal.shown).toContain('215 today');
    expect(terminal.shown).not.toContain('214 today');
  });

  test('lines of the log stay above it, in order', () => {
    const terminal = new Terminal();
    const screen = open(terminal);
    screen.print('before');
    screen.show(facts);
    screen.print('first');
    screen.print('second');
    expect(terminal.lines.slice(0, 5)).toEqual(['before', 'first', 'second', '', expect.stringContaining('Juno')]);
    expect(times(terminal.shown, 'Juno on WhatsApp')).toBe(1);
  });

  test('a QR code is part of it until it is scanned; one too tall stands above it, whole', () => {
    const qr = Array.from({ length: 20 }, () => '█▀▄█').join('\n');
    const tall = new Terminal(80, 40);
    const roomy = open(tall);
    roomy.show(facts);
    roomy.qr(qr);
    roomy.qr(qr.replaceAll('▀', '▄'));
    expect(times(tall.shown, 'Scan with WhatsApp')).toBe(1);
    expect(tall.shown).not.toContain('▀');
    roomy.qr(null);
    expect(tall.shown).not.toContain('█');

    const short = new Terminal(80, 18);
    const cramped = open(short);
    cramped.show(facts);
    cramped.qr(qr);
    expect(times(short.shown, '█▀▄█')).toBe(20);
    expect(times(short.shown, 'Juno on WhatsApp')).toBe(1);
  });

  test('a pairing code stands where a QR code would, in two halves as on the phone', () => {
    const terminal = new Terminal();
    const screen = open(terminal);
    screen.show(facts);
    screen.code('ABCD2345');
    screen.code('EFGH6789');
    expect(terminal.lines.slice(0, 3)).toEqual([expect.stringContaining('Type on your phone'), '', 'EFGH-6789']);
    expect(terminal.shown).not.toContain('ABCD');
    screen.qr(null);
    expect(terminal.shown).not.toContain('EFGH');
  });

  test('no line is wider than the terminal, which may change', () => {
    const terminal = new Terminal(80);
    const screen = open(terminal);
    screen.show({ ...facts, problem: { text: 'x'.repeat(200), atMs: nowMs } });
    terminal.resize(40);
    expect(Math.max(...terminal.lines.map((line) => line.length))).toBeLessThan(40);
    expect(times(terminal.shown, 'Juno on WhatsApp')).toBe(1);
  });

  test('colours where the terminal has them (it has none with NO_COLOR)', () => {
    const [plain, coloured] = [new Terminal(80, 40, false), new Terminal(80, 40, true)];
    for (const terminal of [plain, coloured]) open(terminal).show(facts);
    expect(coloured.raw).toContain('\x1b[32m ready');
    expect(plain.raw.replaceAll('\x1b[?25l', '').replaceAll(/\[\d+A|\[0J/g, '')).not.toContain('\x1b[');
    expect(coloured.shown).toBe(plain.shown);
  });

  test('gives the cursor back', () => {
    const terminal = new Terminal();
    const screen = open(terminal);
    screen.show(facts);
    screen.close();
    expect(terminal.raw.lastIndexOf('\x1b[?25h')).toBeGreaterThan(terminal.raw.lastIndexOf('\x1b[?25l'));
  });
});

describe('where nothing can be redrawn', () => {
  const pipe = (): Output & { text: string } => ({
    text: '',
    write(piece: string) {
      this.text += piece;
    },
  });

  test('a person gets a line for each change, and no escape', () => {
    const out = pipe();
    const screen = open(out);
    screen.show(facts);
    screen.show({ ...facts, messages: { today: 300, total: 19000 } });
    screen.show({ ...facts, whatsapp: { state: 'phone offline', sinceMs: nowMs } });
    expect(out.text).not.toContain('\x1b');
    expect(times(out.text, 'WhatsApp ')).toBe(2);
    expect(out.text).toContain('WhatsApp    phone offline since 12:00\n');
    expect(out.text).not.toContain('messages');
  });

  test('a log file gets the QR code and nothing else', () => {
    const out = pipe();
    const screen = open(out, false);
    screen.show(facts);
    expect(out.text).toBe('');
    screen.qr('█▀▄');
    expect(out.text).toBe('\nScan with WhatsApp on your phone (Linked devices > Link a device):\n\n█▀▄\n');
  });

  test('TERM=dumb is such a place', () => {
    const terminal = new Terminal();
    open(terminal, true, false).show(facts);
    expect(terminal.raw).not.toContain('\x1b');
  });
});
