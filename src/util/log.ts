/**
 * Logs for the person who runs the bot: on a terminal one readable line each, else pino's JSON lines, always on stderr.
 * Fields are ids, counts, durations and names of states. Never the text of a message, a name, or a phone number.
 */
import { pino, type Logger } from 'pino';

export type { Logger } from 'pino';

export const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

/** @param isTerminal a person reads this */
export function createLog(level: LogLevel, isTerminal: boolean = process.stderr.isTTY === true): Logger {
  const options = { level, base: undefined, timestamp: pino.stdTimeFunctions.isoTime };
  if (!isTerminal) return pino(options, pino.destination({ fd: 2, sync: true }));
  return pino(options, { write: (line: string) => void process.stderr.write(`${readableLine(line)}\n`) });
}

/** `14:03:07 WARN  send failed  chat=1 kind=reply`; local time, levels from warn upwards named. */
export function readableLine(json: string): string {
  const { time, level, msg, err, ...fields } = JSON.parse(json) as {
    time: string;
    level: number;
    msg?: string;
    err?: { stack?: string };
  };
  const clock = new Date(time).toTimeString().slice(0, 8);
  const loud = level >= pino.levels.values['warn']! ? `${pino.levels.labels[level]?.toUpperCase() ?? ''} ` : '';
  const details = Object.entries(fields).map(
    ([name, value]) => `  ${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  return `${clock} ${loud}${msg ?? ''}${details.join('')}${err?.stack === undefined ? '' : `\n${err.stack}`}`;
}

/** A log that keeps quiet: for tests, and for commands whose stdout is the product. */
export const silentLog: Logger = pino({ level: 'silent' });
