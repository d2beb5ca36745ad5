/**
 * Finds what leads to a person or opens a door, so that training sees a placeholder in its place: links, e-mail
 * addresses (also "x at gmail dot com"), phone numbers, cards and IBANs, one-time codes and passwords, given names.
 * Measured in test/consent/redact.test.ts. Not covered: postal addresses, names that were not given, anything spelled
 * in words or pictures. Every pattern is linear: texts of strangers reach it.
 */
import { findNumbers } from './numbers.ts';
import { toPlain } from './plain.ts';

export type RedactionToken = 'phone' | 'email' | 'link' | 'card' | 'name' | 'secret';

/** [start, end) in UTF-16 units of the text */
export interface RedactedSpan {
  start: number;
  end: number;
  token: RedactionToken;
}

export interface RedactOptions {
  /** ISO 3166 codes whose national phone numbers to know */
  regions: readonly string[];
  /** names to hide, in any case */
  names?: readonly string[];
}

/** Regions whose national numbers are tried where nobody said which; with + or context words others are found too. */
export const defaultRegions: readonly string[] = [
  'US',
  'GB',
  'DE',
  'FR',
  'ES',
  'IT',
  'BR',
  'IN',
  'IL',
  'NL',
  'TR',
  'MX',
];

/** Spans to hide, sorted, not overlapping. */
export function redactSpans(text: string, { regions, names = [] }: RedactOptions): RedactedSpan[] {
  const plain = toPlain(text);
  const found: RedactedSpan[] = [];
  let rest = plain.text;
  // what is found is blanked, so that a later pattern cannot find a part of it again
  const take = (spans: Iterable<RedactedSpan>): void => {
    const pieces: string[] = [];
    let end = 0;
    for (const span of [...spans].sort((a, b) => a.start - b.start)) {
      if (span.start < end || rest.slice(span.start, span.end).includes('\0')) continue;
      pieces.push(rest.slice(end, span.start), '\0'.repeat(span.end - span.start));
      end = span.end;
      found.push(span);
    }
    rest = pieces.join('') + rest.slice(end);
  };
  take(findEmails(rest));
  take(findSpelledEmails(rest));
  take(findLinks(rest));
  take(findNumbers(rest, regions));
  take(findSecrets(rest));
  take(findNames(rest, names));
  return found.sort((a, b) => a.start - b.start).map(({ start, end, token }) => ({ ...plain.span(start, end), token }));
}

const commonTlds =
  'com|org|net|edu|gov|info|biz|app|dev|io|ai|tv|uk|fr|ru|pl|nl|br|mx|ar|au|ca|ch|at|eu|jp|cn|kr|tr|ua|se|fi|dk|cz|gr|pt|il|za|ng|ke|ie|nz';
const bareDomain = new RegExp(`^(?:[\\p{L}\\p{N}-]{1,63}\\.){1,4}(?:${commonTlds}|de|es|it|in)$`, 'iu');
const domainWithPath = /^(?:[\p{L}\p{N}-]{1,63}\.){1,5}[a-z]{2,24}(?::\d{2,5})?[/?#]/iu;
/** words of a language that a forgotten space would turn into a domain (`yes.it is`) need more than two letters before */
const wordTld = /^\p{L}{1,24}\.(?:de|es|it|in|at|no|is|to|so|me)$/iu;

function* findLinks(text: string): Generator<RedactedSpan> {
  for (const match of text.matchAll(/[^\s\0]+/g)) {
    const piece = match[0];
    const scheme = piece.search(/https?:\/\/|www\./i);
    const lead = scheme >= 0 ? scheme : piece.length - piece.replace(/^[("'«<[]+/, '').length;
    const body = withoutTail(piece.slice(lead));
    if (scheme < 0 && (body.length > 2048 || body.includes('@'))) continue;
    const isLink = scheme >= 0 || domainWithPath.test(body) || (bareDomain.test(body) && !wordTld.test(body));
    if (isLink) yield { start: match.index + lead, end: match.index + lead + body.length, token: 'link' };
  }
}

/** without the punctuation that ends the sentence and not the link */
function withoutTail(piece: string): string {
  let end = piece.length;
  while (end > 0 && '.,!?;:)]}\'"»>…'.includes(piece[end - 1]!)) end--;
  return piece.slice(0, end);
}

function* findEmails(text: string): Generator<RedactedSpan> {
  for (const match of text.matchAll(/[\p{L}\p{M}\p{N}._%+'-]{1,64}@[\p{L}\p{M}\p{N}.-]{3,255}/gu)) {
    const whole = withoutTail(match[0]);
    if (!/@[^.]+\.[^.]/.test(whole)) continue;
    yield { start: match.index, end: match.index + whole.length, token: 'email' };
  }
}

const atWord = /^(?:[[({<](?:at|ät|arroba|chiocciola|a)[\])}>]|at|ät|arroba|chiocciola|собака|@)$/iu;
const dotWord = /^(?:[[({<](?:dot|punkt|punto|ponto|point|\.)[\])}>]|dot|punkt|punto|ponto|point|точка)$/iu;
const mailHost =
  /^(?:gmail|googlemail|hotmail|outlook|live|yahoo|ymail|aol|icloud|proton|protonmail|web|gmx|t-online|mail|orange|laposte|libero|uol|terra|yandex|qq|163|naver)(?:\.[\p{L}-]{2,24}){1,2}$/iu;
const localPart = /^[\p{L}\p{N}._%+-]{1,64}$/u;
const label = /^[\p{L}\p{N}-]{1,63}$/u;

const maxSpelledWords = 12;

/** "jo.smith [at] gmail.com", "jo at gmail dot com", "jo arroba correo punto es" */
function* findSpelledEmails(text: string): Generator<RedactedSpan> {
  const words = [...text.matchAll(/[[({<](?:\p{L}{1,10}|\.)[\])}>]|@|[^\s\0[\](){}<>@]+/gu)];
  for (let index = 1; index + 1 < words.length; index++) {
    const at = words[index]![0];
    if (!atWord.test(at) || !localPart.test(words[index - 1]![0])) continue;
    const next = withoutTail(words[index + 1]![0]);
    let last = index + 1;
    while (
      last + 2 < words.length &&
      dotWord.test(words[last + 1]![0]) &&
      label.test(withoutTail(words[last + 2]![0]))
    ) {
      last += 2;
    }
    const isSpelled =
      label.test(next) &&
      last > index + 1 &&
      /^\p{L}{2,24}$/u.test(withoutTail(words[last]![0])) &&
      !dotWord.test(words[last]![0]);
    const isDotted =
      /^[\p{L}\p{N}-]{1,63}\.[\p{L}.-]{2,63}$/u.test(next) && (at.length > 2 || at === '@' || mailHost.test(next));
    if (!isSpelled && !isDotted) continue;
    let first = index - 1;
    while (
      first >= 2 &&
      first > index - maxSpelledWords &&
      dotWord.test(words[first - 1]![0]) &&
      localPart.test(words[first - 2]![0])
    )
      first -= 2;
    const end = words[last]!.index + withoutTail(words[last]![0]).length;
    yield { start: words[first]!.index, end, token: 'email' };
  }
}

const codeWords =
  'code|codes|otp|pin|tan|passcode|2fa|mfa|cvv|cvc|puk|código|codigo|clave|codice|kode|kod|koodi|код|пин|пинкод|şifre|कोड|رمز|كود|קוד';
const passwordWords =
  'password|passwd|pwd|pw|passwort|kennwort|contraseña|contrasena|senha|palavra-passe|parola|wachtwoord|lösenord|adgangskode|hasło|haslo|salasana|пароль|पासवर्ड|सांकेतिक|سر|סיסמה|mot de passe|mdp';
const link = String.raw`(?:\s{0,2}[:=]\s{0,2}|\s{1,2}(?:is|ist|lautet|es|est|é|è|was|war|jest|är|er|on|это|है)\s{1,2}(?:now\s|jetzt\s)?|\s{1,2})`;
const codeAfter = new RegExp(
  String.raw`(?<![\p{L}\p{N}])(?:${codeWords})${link}[:=]?\s?(\p{L}?[\p{L}\p{N}-]{2,15})`,
  'giu',
);
const codeBefore =
  /(?<![\p{L}\p{N}])((?:\p{L}-)?\d{3}[ -]?\d{1,5})\s(?:is|ist|es|est|é|è)\s(?:your|dein|ihr|tu|su|votre|ton|seu|il tuo)\s/giu;
const denseCode =
  /(?:验证码|驗證碼|密码|密碼|認証コード|パスワード|인증번호|비밀번호|รหัส)[^\d\0]{0,8}([a-z\d-]{4,16})/giu;
const passwordAfter = new RegExp(
  String.raw`(?<![\p{L}\p{N}])(?:${passwordWords})${link}[:=]?\s?([^\s\0]{3,64})`,
  'giu',
);
const explicit = /[:=]\s{0,3}$/;

/** What follows a word for code or password, where it looks like one: four digits, or letters and digits mixed. */
function* findSecrets(text: string): Generator<RedactedSpan> {
  for (const [pattern, looksSecret] of [
    [codeAfter, (value: string) => (value.match(/\d/g)?.length ?? 0) >= 4],
    [codeBefore, () => true],
    [denseCode, () => true],
    [passwordAfter, isPasswordLike],
  ] as const) {
    for (const match of text.matchAll(pattern)) {
      const raw = match[1]!;
      const value = pattern === passwordAfter ? raw.replace(/[.,;?)]+$/, '') : raw.replace(/-+$/, '');
      const start = pattern === codeBefore ? match.index : match.index + match[0].length - raw.length;
      const isSaid = pattern === passwordAfter && explicit.test(text.slice(match.index, start)) && value.length >= 4;
      if (isSaid || looksSecret(value)) yield { start, end: start + value.length, token: 'secret' };
    }
  }
}

function isPasswordLike(value: string): boolean {
  if (value.length < 4) return false;
  return /\d/.test(value) || /[^\p{L}\p{M}\p{N}'’!?…]/u.test(value) || /\p{Ll}\p{Lu}/u.test(value);
}

function* findNames(text: string, names: readonly string[]): Generator<RedactedSpan> {
  const isWordChar = (char: string | undefined): boolean => char !== undefined && /[\p{L}\p{M}\p{N}]/u.test(char);
  if (names.length === 0) return;
  const lower = Array.from(text, lowerSameLength).join('');
  for (const name of names.map((each) => each.trim().toLowerCase()).sort((a, b) => b.length - a.length)) {
    if (name.length < 2) continue;
    for (let start = lower.indexOf(name); start >= 0; start = lower.indexOf(name, start + name.length)) {
      const end = start + name.length;
      if (!isWordChar(lower[start - 1]) && !isWordChar(lower[end])) yield { start, end, token: 'name' };
    }
  }
}

/** İ becomes two units in lower case; left as it is, so that offsets fit */
function lowerSameLength(char: string): string {
  const lower = char.toLowerCase();
  return lower.length === char.length ? lower : char;
}
