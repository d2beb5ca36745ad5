/**
 * What opens a door, in plain text (plain.ts): one-time codes, PINs and passwords that a word names beside them, what
 * stands beside a card or an account, and keys and tokens known by their shape. A value counts where it looks like one:
 * four digits, or letters and digits mixed, or anything after `password:`.
 * Not covered: passphrases of several words; codes that no word names.
 */
import type { RedactedSpan } from './redact-spans.ts';

// === Words

const codeWords =
  String.raw`\p{L}{0,18}codes?|c[oó]dig[oi]s?|codic[ei]|clave|claves|\p{L}{0,8}otp|[mu]?pin|pins|nip|tan|2fa|mfa|cvv2?|cvc2?|csc|puk|` +
  String.raw`\p{L}{0,12}kod\p{L}{0,4}|код\p{L}{0,3}|пин\p{L}{0,5}|домофон\p{L}{0,2}|пін|κωδικ\p{L}{1,3}|mã|कोड|ओटीपी|पिन|و?(?:ال)?رمز|و?(?:ال)?كود|(?:ال)?رقم السري|کد|[בהלו]{0,2}קוד|קודן|` +
  String.raw`prüf(?:nummer|ziffer)|crypto|senha|şifre\p{L}{0,4}`;
const passwordWords =
  String.raw`(?:\p{L}{1,10}-)?(?:password|passwort|passwd|pwd|pw|kennwort|passphrase|pass)|wlan(?:passwort|pw)|contraseña|contrasena|clave|senha|palavra-passe|parol[aă]|wachtwoord|ww|` +
  String.raw`\p{L}{0,8}lösenord\p{L}{0,2}|\p{L}{0,6}passord\p{L}{0,2}|adgangskode\p{L}{0,2}|kodeord|has[łl]o|heslo|salasana|parool|jelsz[óo]|lozinka|geslo|şifre\p{L}{0,4}|` +
  String.raw`парол\p{L}{1,3}|κωδικός|mật khẩu|mk|kata sandi|sandi|पासवर्ड|و?(?:ال)?باسورد|باس|و?(?:ال)?رمز|كلمة (?:السر|المرور)|پسورد|[בהלו]{0,2}סיסמ[האת]|mot de passe|mdp`;
const wifiWords =
  'wi-?fi|wlan|(?:ال)?واي فاي|(?:ال)?وايفاي|וויפיי|הוויפיי|ויפי|הוויפי|вай-?фа[йя]|वाईफाई|वाई-फाई|ワイファイ|わいふぁい|와이파이|无线';
/** words that make a number after `code` something else */
const otherCodes =
  /(?:error|fehler|zip|postal|post|area|country|status|exit|http|dress|source|morse|qr|bar|da vinci|of|penal|civil|product|artikel|promo|rabatt|discount|ошибк\p{L}|エラー|バー)[ -]?$/iu;
const is =
  "is|ist|lautet|wäre|es|est|era|was|war|jest|to|je|är|er|on|egy|este|olan|это|был|такой|είναι|adalah|itu|là|है|था|هو|هي|هست|הוא|זה|היא|[éècは]|'s";

// === Patterns; each is bounded in length

const start = String.raw`(?<![\p{L}\p{M}\p{N}])`;
/** what may stand between the word and the value: `for the gate`, `de la tarjeta` */
const between = String.raw`(?:\s{1,2}[\p{L}\p{M}'’]{1,14}){0,4}?`;
const says = String.raw`(?:'s|’s)?${between}(?:\s{0,2}(?:->|=>|[:=→>-])\s{0,2}|\s{1,2}(?:${is})\s{1,2}(?:\p{L}{1,8}\s{1,2})?[:=]?\s?|\s{1,2})`;
const wrap = String.raw`[*_~"'«“„\x60([<]{0,2}`;
const grouped = String.raw`\d{2,4}(?:[ -]\d{2,4}){1,2}(?!\d)`;
const piece = String.raw`(?:\p{L}{1,3}-)?[\p{L}\d]{1,12}(?:-[\p{L}\d]{2,6}){0,5}[#*]?`;
const codeAfter = new RegExp(
  String.raw`${start}(?:${codeWords})(?:\s?\([^()]{1,16}\))?(${says})${wrap}(?=[\p{L}#*-]{0,10}\d)(${grouped}|${piece})`,
  'giu',
);
const shortCodeAfter = new RegExp(
  String.raw`${start}(?:cvv2?|cvc2?|csc|[mu]?pin|nip|пин|пін|पिन)\s{0,2}[:=]?\s{0,2}(?:(?:${is})\s{1,2})?(\d{3,8})(?!\d)`,
  'giu',
);
const codeBefore =
  /(?<![\p{L}\p{N}.,])((?:\p{L}{1,3}-)?\d{3}[ -]?\d{1,5})(?:\s{0,2}[-:]\s{0,2}|\s(?:is|ist|es|est|é|è|jest|är|er|on|это|है|هو|هي|là|adalah|to)\s)(?:your|the|my|dein|ihr|der|tu|su|el|votre|ton|le|seu|o|il|twój|uw|je|din|sinun|ваш|твой|आपका|رمز|kode|mã|vaš)\s(?:\p{L}{1,16}\s){0,3}?(?:\p{L}{0,18}code|c[oó]digo|codice|kode?|otp|pin|tan|код|कोड|ओटीपी|التحقق|verif|clave)/giu;
const codeBeforeWord =
  /(?<![\p{N}.,])(\d{3}[ -]?\d{3}|\d{4,8})\s(?:(?:है|आपका|הוא|هو|is|ye|ka)\s)?(?:otp|ओटीपी|2fa)(?![\p{L}\p{N}])/giu;
const dense =
  '验证码|驗證碼|校验码|动态码|密码|密碼|认证码|認証コード|確認コード|認証番号|暗証番号|パスワード|パスコード|パス|コード|オートロック|ワンタイム|暗号|인증번호|인증 번호|비밀번호|비번|보안코드|암호|코드|รหัส|โอทีพี';
const denseCode = new RegExp(
  String.raw`(エラー|バー|QR)?(?:${dense})[^\da-z\0\n]{0,14}(\d{3}[ -]\d{3}(?!\d)|[a-z\d][\w@#$%&*!+.-]{2,31})`,
  'giu',
);
const passwordSaid = new RegExp(
  String.raw`${start}(?:${passwordWords})${between}\s{0,2}(?:->|=>|[:=])\s{0,2}${wrap}([^\s\0]{4,64})`,
  'giu',
);
const passwordAfter = new RegExp(
  String.raw`${start}(?:${passwordWords})(?:'s|’s)?(?:\s{1,2}(?:${is}))?\s{1,2}([^\s\0]{4,64})`,
  'giu',
);
const passwordFar = new RegExp(
  String.raw`${start}(?:${passwordWords})(?:'s|’s)?${between}\s{1,2}${wrap}(?=[^\s\0\d]{0,30}\d)([^\s\0]{6,64})`,
  'giu',
);
const wifiAfter = new RegExp(
  String.raw`${start}(?:${wifiWords})(?:\s{0,2}[:=]\s{0,2}|(?:\s(?:${is}))?\s{1,2})${wrap}([^\s\0]{6,64})`,
  'giu',
);
/** the digits on the back of a card, which is blank here; and what follows an address of mail as its password */
const besideCard =
  /\0[^\d\0]{0,40}(?:cvv|cvc|crypto|prüf|sicher|secur|seguran|segurid|back|hint|verso|dietro|detr[aá]s|dorso|atrás|achter|arka|code|cod|код|сзади|رمز|ספרות|コード|裏)[^\d\0]{0,24}(\d{3,4})(?!\d)/giu;
const afterExpiry = /\0[^\d\0]{0,24}\d{1,2}\s?[/.-]\s?\d{2,4}[^\d\0]{1,24}(\d{3,4})(?![\d/])/gu;
const backThree = /\0[^\d\0]{1,30}3[^\d\0]{1,30}(\d{3})(?!\d)/gu;
const afterLogin = /\0\s{0,2}[/|:]\s{0,2}([^\s\0]{6,64})/gu;
/** keys that say what they are, and long ones in which letters and digits mix */
const knownKey =
  /(?<![\p{L}\p{N}])(?:G-(?=\d{6}(?!\d))|(?:sk-|[ps]k_|gh[po]_|github_pat_|xox[abprs]-|glpat-|hf_|npm_|AKIA|AIza|ya29\.|eyJ)(?=[\w.-]{12}))[\w.-]{6,512}/gu;
const longKey = /(?<![\w+/=.@-])[\w+/=-]{20,512}(?![\w@])/g;

/** What each pattern needs, as stems: most texts have none of them. */
const codeHint =
  /cod|kod|kood|clave|otp|pin|nip|tan|2fa|mfa|cv[vc]|csc|puk|код|пин|пін|домофон|κωδ|mã|कोड|ओटीपी|पिन|رمز|كود|رقم|کد|קוד|prüf|crypto|senha|şifre/i;
const passwordHint =
  /pass|pw|kennw|contrase|clave|senha|parol|wachtw|ww|lösen|adgang|has[łl]o|heslo|salas|parool|jelsz|lozin|geslo|şifre|парол|κωδ|khẩu|mk|sandi|पासव|باس|رمز|كلمة|پسور|סיסמ|mot de|mdp/i;
const wifiHint = /wi-?fi|wlan|واي|ויפ|ва[йи]-?ф|वाई|ワイファ|わいふぁ|와이파|无线/i;

/** Keys and tokens, which may hold what looks like a number. @returns spans, not in order; they may overlap */
export function* findKeys(text: string): Generator<RedactedSpan> {
  if (!/\d/.test(text)) return;
  for (const { index, 0: value } of text.matchAll(knownKey)) {
    yield { start: index, end: index + value.length, token: 'secret' };
  }
  for (const { index, 0: value } of text.matchAll(longKey)) {
    if (isKey(value)) yield { start: index, end: index + value.length, token: 'secret' };
  }
}

/** @returns spans, not in order; they may overlap. Cards and addresses that were found before are NUL in the text. */
export function* findSecrets(text: string): Generator<RedactedSpan> {
  const secret = (match: RegExpExecArray, value: string, raw = value): RedactedSpan => {
    const at = match.index + match[0].lastIndexOf(raw);
    return { start: at, end: at + value.length, token: 'secret' };
  };
  if (/\d/.test(text)) {
    if (codeHint.test(text)) {
      for (const match of text.matchAll(codeAfter)) {
        if (otherCodes.test(text.slice(Math.max(0, match.index - 12), match.index))) continue;
        if (isCode(match[2]!, match[1]!)) yield secret(match, match[2]!);
      }
      for (const pattern of [shortCodeAfter, codeBefore, codeBeforeWord]) {
        for (const match of text.matchAll(pattern)) yield secret(match, match[1]!);
      }
    }
    if (text.includes('\0')) {
      for (const pattern of [besideCard, afterExpiry, backThree]) {
        for (const match of text.matchAll(pattern)) yield secret(match, match[1]!);
      }
    }
    for (const match of text.matchAll(denseCode)) {
      const value = match[2]!.replace(/[.!-]+$/, '');
      const isMixed = (value.match(/\d/g)?.length ?? 0) >= 4 || /[a-z].*\d|\d.*[a-z]/i.test(value);
      if (match[1] === undefined && isMixed && value.length >= 4) yield secret(match, value, match[2]);
    }
    for (const match of wifiHint.test(text) ? text.matchAll(wifiAfter) : [])
      if (isMixedWord(match[1]!)) yield secret(match, match[1]!);
    for (const match of text.matchAll(afterLogin)) if (isMixedWord(match[1]!)) yield secret(match, match[1]!);
  }
  if (!passwordHint.test(text)) return;
  for (const match of text.matchAll(passwordSaid)) yield secret(match, withoutTail(match[1]!), match[1]);
  for (const match of text.matchAll(passwordAfter)) {
    const quote = /^[*_~"'«“„`([<]{1,2}/.exec(match[1]!)?.[0] ?? '';
    const value = withoutTail(match[1]!.slice(quote.length));
    if (value.length > 3 && (quote !== '' || isPasswordLike(value)))
      yield secret(match, value, match[1]!.slice(quote.length));
  }
  for (const match of text.matchAll(passwordFar)) {
    if (isMixedWord(match[1]!)) yield secret(match, withoutTail(match[1]!), match[1]);
  }
}

/** without the punctuation of the sentence around it */
function withoutTail(value: string): string {
  return value.replace(/(?<=.{4})["'»”“*_~`)\]>,.;?]+$/u, '');
}

function isCode(value: string, says: string): boolean {
  const digits = value.match(/\d/g)?.length ?? 0;
  const isLinked = /[:=→>'-]|(?:^|\s)(?:is|ist|es|est|é|è|это|هو|הוא|है)\s/u.test(says);
  const words = says.trim().split(/\s+/).length;
  if (digits >= 4) {
    if (/^\d{1,2}-\d{1,2}-\d{2,4}$/.test(value) && !isLinked) return false; // a day
    // a year or a price after other words is no code: `the code from 2023`
    return isLinked || says.trim() === '' || !(digits === 4 && (words > 3 || /^(?:19|20)\d\d$|00$/.test(value)));
  }
  // `A7X9Q2`, but not the word and number of `SAVE20`
  return digits >= 2 && value.length >= 5 && isLinked && !/^\p{L}{3,}\d+$/u.test(value) && /\p{L}/u.test(value);
}

function isPasswordLike(value: string): boolean {
  return /\d|[^\p{L}\p{M}\p{N}'’!?…,.;:\p{Extended_Pictographic}-]|\p{Ll}\p{Lu}/u.test(value);
}

/** Letters and digits in one word, as no language has them: `kettle42`, `Bluey&bingo9`; not `5ghz`, `iphone15`. */
function isMixedWord(value: string): boolean {
  if (value.length < 6 || /^[\d.,]+\p{L}*$/u.test(value) || /^(?:iphone|galaxy|windows|ps|xbox|covid)/i.test(value))
    return false;
  return /\p{L}.*\p{L}.*\p{L}/u.test(value) && /\d/.test(value);
}

/** Random enough that nobody types it as a word: letters of both cases and digits, or hexadecimal. */
function isKey(value: string): boolean {
  const digits = value.match(/\d/g)?.length ?? 0;
  if (/^[\da-f-]{24,}$/i.test(value)) return digits >= 6 && /[a-f]/i.test(value);
  return digits >= 3 && /[a-z]/.test(value) && /[A-Z]/.test(value) && !/[A-Z]?[a-z]{7,}|_{4}/.test(value);
}
