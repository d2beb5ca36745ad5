/**
 * Linked devices and the event streams of their pages (server-sent events). A device keeps every message that its page
 * has not confirmed, so that what arrives while it is away is handed over when it comes back. Streams without a token
 * show a QR code.
 */
import type { ServerResponse } from 'node:http';
import { randomBytes } from 'node:crypto';
import { randomHex } from './world.ts';
import type { PushEvent, WireMessage } from './types.ts';

interface Device {
  token: string;
  /** not confirmed by the page yet */
  pending: WireMessage[];
}

interface Stream {
  response: ServerResponse;
  token: string;
  qrCount: number;
  timer?: NodeJS.Timeout;
}

export class Delivery {
  readonly #devices = new Map<string, Device>();
  readonly #streams = new Set<Stream>();
  readonly #qr: () => { everyMs: number; refs: number };
  readonly #isMute: () => boolean;
  readonly #hello: (pending: WireMessage[]) => PushEvent;

  /**
   * @param isMute nothing gets through to paired pages
   * @param hello what a paired page is told first, given the messages it missed
   */
  constructor(
    qr: () => { everyMs: number; refs: number },
    isMute: () => boolean,
    hello: (pending: WireMessage[]) => PushEvent,
  ) {
    this.#qr = qr;
    this.#isMute = isMute;
    this.#hello = hello;
  }

  /** A page opened its event stream; `token` is empty before pairing. */
  open(response: ServerResponse, token: string): void {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    const stream: Stream = { response, token, qrCount: 0 };
    response.on('close', () => this.#forget(stream));
    const device = this.#devices.get(token);
    if (token !== '' && device === undefined) {
      push(stream, { type: 'unlinked', reason: 0 });
      return;
    }
    this.#streams.add(stream);
    if (device === undefined) this.#showQr(stream);
    else push(stream, this.#hello([...device.pending]));
  }

  /** Somebody scans the QR code on show; returns the new device's token. */
  pair(): string {
    const stream = [...this.#streams].find((candidate) => candidate.token === '');
    if (stream === undefined) throw new Error('no page is showing a QR code');
    const token = randomHex(16);
    this.addDevice(token);
    clearInterval(stream.timer);
    push(stream, { type: 'paired', token });
    return token;
  }

  addDevice(token: string): void {
    this.#devices.set(token, { token, pending: [] });
  }

  unlink(reason: number): void {
    const tokens = new Set(this.#devices.keys());
    this.#devices.clear();
    for (const stream of this.#streams) if (tokens.has(stream.token)) push(stream, { type: 'unlinked', reason });
  }

  removeDevice(token: string): void {
    this.#devices.delete(token);
  }

  /** Hand a message to every device. `repeat` makes a page that knows it announce it once more. */
  message(message: WireMessage, repeat: boolean): void {
    for (const device of this.#devices.values()) {
      device.pending.push(message);
      for (const stream of this.#streams) {
        if (stream.token === device.token && !this.#isMute()) push(stream, { type: 'message', message, repeat });
      }
    }
  }

  confirm(token: string, ids: readonly string[]): void {
    const device = this.#devices.get(token);
    if (device !== undefined) device.pending = device.pending.filter((message) => !ids.includes(message.id));
  }

  /** To every paired page that is connected now. */
  cast(event: PushEvent): void {
    if (this.#isMute()) return;
    for (const stream of this.#streams) if (stream.token !== '') push(stream, event);
  }

  refreshQr(): void {
    for (const stream of this.#streams) {
      if (stream.token !== '') continue;
      stream.qrCount = 0;
      push(stream, { type: 'ref', ref: nextRef(stream) });
    }
  }

  get paired(): boolean {
    return this.#devices.size > 0;
  }

  /** Cut every stream. */
  closeAll(): void {
    for (const stream of [...this.#streams]) {
      this.#forget(stream);
      stream.response.destroy();
    }
  }

  #showQr(stream: Stream): void {
    push(stream, { type: 'hello', ref: nextRef(stream) });
    const { everyMs, refs } = this.#qr();
    stream.timer = setInterval(() => {
      if (stream.qrCount < refs) push(stream, { type: 'ref', ref: nextRef(stream) });
      else if (stream.qrCount++ === refs) push(stream, { type: 'idle' });
    }, everyMs);
  }

  #forget(stream: Stream): void {
    clearInterval(stream.timer);
    this.#streams.delete(stream);
  }
}

function push(stream: Stream, event: PushEvent): void {
  stream.response.write(`data: ${JSON.stringify(event)}\n\n`);
}

function nextRef(stream: Stream): string {
  stream.qrCount++;
  return `2@${randomBytes(48).toString('base64')}`;
}
