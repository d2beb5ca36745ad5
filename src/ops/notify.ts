/**
 * Messages to systemd (sd_notify(3)): a Unix datagram to the socket that NOTIFY_SOCKET names. Node has no such sockets,
 * so systemd's own `systemd-notify` sends each message; the unit needs `NotifyAccess=all`, since the sender is a child.
 * Without NOTIFY_SOCKET nothing is done.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Logger } from '../util/log.ts';

export interface Notifier {
  /** how often the watchdog wants to be fed at least, in ms; undefined: there is none */
  readonly watchdogMs: number | undefined;
  /** In order, one at a time, best effort. Resolves when the message has left or could not. */
  send(fields: Readonly<Record<string, string>>): Promise<void>;
}

/** A message that takes longer than this is given up; a look at health must not wait for it. */
const sendLimitMs = 10_000;
const command = 'systemd-notify';

export function createNotifier(env: NodeJS.ProcessEnv, log: Logger): Notifier {
  const socket = env['NOTIFY_SOCKET'];
  if (socket === undefined || socket === '') return { watchdogMs: undefined, send: () => Promise.resolve() };
  const run = promisify(execFile);
  let queue = Promise.resolve();
  let hasFailed = false;
  const deliver = async (fields: Readonly<Record<string, string>>): Promise<void> => {
    const lines = Object.entries(fields).map(([name, value]) => `${name}=${value.replaceAll(/\s+/g, ' ')}`);
    try {
      await run(command, lines, { env: { PATH: env['PATH'], NOTIFY_SOCKET: socket }, timeout: sendLimitMs });
    } catch (error) {
      if (!hasFailed) log.warn({ error: error instanceof Error ? error.message : '' }, 'systemd could not be told');
      hasFailed = true;
    }
  };
  return {
    watchdogMs: watchdogOf(env),
    send: (fields) => {
      queue = queue.then(() => deliver(fields));
      return queue;
    },
  };
}

/** WATCHDOG_USEC counts for the process that WATCHDOG_PID names, or for any where it names none. */
function watchdogOf(env: NodeJS.ProcessEnv): number | undefined {
  const pid = env['WATCHDOG_PID'];
  const limitUs = Number(env['WATCHDOG_USEC']);
  const isForUs = pid === undefined || pid === '' || Number(pid) === process.pid;
  return isForUs && limitUs > 0 ? limitUs / 1000 : undefined;
}
