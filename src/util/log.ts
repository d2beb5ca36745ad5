/**
 * Logs for the person who runs the bot: pino JSON lines on stderr, or one readable line each on a terminal.
 * Fields are ids, counts, durations and names of states. Never the text of a message, a name, or a phone number.
 */
import { pino, type Logger } from 'pino';

export type { Logger } from 'pino';

export const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

export function createLog(level: LogLevel): Logger {
  return pino(
    { level, base: undefined, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ fd: 2, sync: true }),
  );
}

/** A log that keeps quiet: for tests, and for commands whose stdout is the product. */
export const silentLog: Logger = pino({ level: 'silent' });
