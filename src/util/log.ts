/**
 * Logs for the person who runs the bot: on a terminal one readable line each, else pino's JSON lines, always on stderr.
 * Fields are ids, counts, durations and names of states. Never the text of a message, a name, or a phone number.
 */
import { pino, type Logger, type LoggerOptions } from 'pino';

export type { Logger } from 'pino';

export const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

export interface LogListener {
  /** a readable line for the terminal, instead of stderr; asked only where a person reads the log */
  print?: (line: string) => void;
  /** the sentence of every warning and error, without its fields */
  onProblem?: (sentence: string) => void;
}

/** @param isTerminal a person reads this */
export function createLog(
  level: LogLevel,
  isTerminal: boolean = process.stderr.isTTY === true,
  { print = printToStderr, onProblem }: LogListener = {},
): Logger {
  const loud = pino.levels.values['warn']!;
  const options: LoggerOptions = {
    level,
    base: undefined,
    timestamp: pino.stdTimeFunctions.isoTime,
    hooks: {
      logMethod(args, method, at) {
        const sentence = (args as unknown[]).find((value) => typeof value === 'string');
        if (at >= loud && sentence !== undefined) onProblem?.(sentence);
        method.apply(this, args);
      },
    },
  };
  if (!isTerminal) return pino(options, pino.destination({ fd: 2, sync: true }));
  return pino(options, { write: (line: string) => print(readableLine(line)) });
}

function printToStderr(line: string): void {
  process.stderr.write(`${line}\n`);
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
