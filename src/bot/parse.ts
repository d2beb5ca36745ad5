/**
 * Text -> command line, or nothing. Exact match only: ASCII, case and inner blanks folded, nothing before or after but
 * blanks, and behind the commands that take one, the argument. Look-alike letters, zero-width characters and full-width
 * marks never make a command. Not covered: who may say it (authority.ts) and what it does (commands.ts).
 */

/** No command without free text is longer; text beyond it is never looked at. */
const longestCommand = 60;
/** What `!no` may say. */
const longestText = 2000;

export interface CommandForm {
  /** canonical: `!bot off all` */
  name: string;
  /** what has to follow the name: of this shape, or any text; absent: nothing may */
  argument?: RegExp | 'text';
}

export interface CommandLine<Form> {
  form: Form;
  /** '' where the command takes none; undefined where it lacks the one it takes */
  argument: string | undefined;
}

/**
 * The canonical form of a text that has the shape of a command: `'  !Bot   OFF all\n'` -> `'!bot off all'`.
 * Undefined for everything else. The table decides whether such a command exists.
 */
export function parseCommand(text: string): string | undefined {
  if (text.length > longestCommand) return undefined;
  const line = trim(text);
  if (!/^![a-z][a-z \t]*$/i.test(line)) return undefined;
  return line.toLowerCase().replace(/[ \t]+/g, ' ');
}

/** The command of this table that the text is, with its argument. */
export function findCommand<Form extends CommandForm>(
  text: string,
  table: readonly Form[],
): CommandLine<Form> | undefined {
  const line = parseCommand(text);
  const plain = table.find(({ name }) => name === line);
  if (plain !== undefined) return { form: plain, argument: plain.argument === undefined ? '' : undefined };
  if (text.length > longestText) return undefined;
  const [, word, rest] = /^(![a-z]+)[ \t]+(\S.*)$/is.exec(trim(text)) ?? [];
  const form = table.find(({ name, argument }) => argument !== undefined && name === word?.toLowerCase());
  if (form?.argument === undefined || rest === undefined) return undefined;
  if (form.argument === 'text') return { form, argument: rest };
  return rest.length <= longestCommand && form.argument.test(rest) ? { form, argument: rest } : undefined;
}

/**
 * Was this meant as a command, obeyed or not? Such text is never stored, never answered and never trained on, so that
 * a mistyped or refused command does not become part of anybody's voice.
 */
export function looksLikeCommand(text: string): boolean {
  const first = text.charCodeAt(0);
  if (first > 0x21 && first < 0x7f) return false; // a visible ASCII character other than `!`: nothing makes it one
  return /^!\p{L}/u.test(visibleStart(text));
}

const fiveLetters = /(?:[a-z0-9][^a-z0-9]*){5}/i;

/** A bare "stop", with or without marks around it, is asked back and not obeyed: `Stop.`, `STOP!!`, `！stop`. */
export function isBareStop(text: string): boolean {
  if (text.length > longestCommand || fiveLetters.test(text)) return false; // as nearly every message
  return (
    text
      .normalize('NFKC')
      .replace(/[^\p{L}\p{N}]/gu, '')
      .toLowerCase() === 'stop'
  );
}

/** Only what keyboards add by themselves: not the blanks and marks of other scripts. */
function trim(text: string): string {
  return text.replace(/^[ \t\r\n]+/, '').replace(/[ \t\r\n]+$/, '');
}

/** The first visible characters, with full-width and zero-width tricks undone. */
function visibleStart(text: string): string {
  return text
    .slice(0, longestCommand)
    .normalize('NFKC')
    .replace(/^[\s\p{Cf}\p{Cc}]+/u, '');
}
