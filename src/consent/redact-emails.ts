/**
 * E-mail addresses in plain text (plain.ts): with an @, also where spaces or line breaks fell into them, and spelled in the
 * words of some thirty languages (`jo at gmail dot com`, `ana arroba correo punto es`, `иван собака мейл точка ру`).
 * An address is read from its @ to both sides; words for @ that mean something else too need a mail host or a usual ending.
 * Not covered: addresses whose host is spelled letter by letter.
 */
import { commonTlds } from './redact-links.ts';
import type { RedactedSpan } from './redact-spans.ts';

// === Words

/** mean @ and little else */
const strongAt =
  'arr?ob[ao]s?|arr?obase|chiocciol[ae]|chioccola|a commerciale|klammeraffe|affenklammer|affenschwanz|apen?staart(?:je)?|at-?zeichen|at-?teken|at-?tecken|at-?merkki|' +
  'snabel[ -]?a|alfakrøll|krøllalfa|miukumauku|kissanhäntä|ma[łl]pa|zavin[áa][čc]|kukac|afna|majmunče|manki|' +
  'a[ -]?rond|coad[ăa] de maimu[țt][ăa]|et i[şs]areti|kuyruklu a|a c[òo]ng|a móc|papaki|παπάκι|' +
  'собак[ау]|собачка|маймунско|кльомба|равлик|песик|эт|ет|шнабел|' +
  'at[ -]sign|at[ -]symbol|at (?:the |d |de |da )?rate(?: of)?|at-the-rate|' +
  'שטרודל|כרוכית|شطرودل|[آأاإ]ت|ایت|علامة آت|[ऐए]ट द रेट|[ऐएऍॲ]ट|अट|এট|アットマーク|アット|艾特|小老鼠|圈a|골뱅이|앳|แอท|แอ็ด|แอต';
/** are everyday words too */
const weakAt = 'at|ät|bei|et|ad|en|em|su|chez|op|på|na|sur|u|pri|hos|di';
const dotWords =
  'dot|pkt|punto|puntu|ponto|point|punct|punt(?:je)?|prik|piste|pont|kropka|kropek|te[čc]ka|bodka|to[čc]ka|taškas|punkt(?:s|um)?|' +
  'nokta|titik|ch[ấa]m|nukta|точк[ау]|крапка|тчк|τελεία|teleia|נקודה|نقط[ةه]|دوت|دات|ڈاٹ|डॉट|डाट|डोट|बिंदु|ডট|ドット|จุด|ดอท';
/** the same in one character */
const dotSigns = '点點닷점';
const joinWords =
  'under[ -]?score|underline|unterstrich|gui[oó]n bajo|barra baja|tiret (?:du )?bas|trattino basso|sublinhado|traço baixo|' +
  'onderstrepingsteken|laag streepje|liggend streepje|understreck|understrek|podkreślnik|podkreślenie|podtržítko|alt (?:çizgi|tire)|(?:нижнее )?подч[её]ркивание|' +
  'minus|dash|hyphen|bindestrich|strich|gui[oó]n|tiret|trait d.union|trattino|h[íi]fen|traço|streepje|koppelteken|myślnik|tire|дефис|тире|минус|plus|pluszeichen|shift|קו תחתון|شرطة(?: سفلية)?|[اأ]ندرسكور|अंडरस्कोर|アンダーバー|밑줄';
/** endings that no sentence has after `at … point`; the others need a mail host */
const wordTlds = new Set('is,in,no,so,to,me,at,us,my,do,it,la,le,be,am,an,as,or'.split(','));
const pointWords = /^(?:point|pont|punt|piste|prik|[点點점])$/iu;
const pointTlds = new Set('de,es'.split(','));
/** `look at that dot com bubble` */
const noHost = /^(?:that|this|the|these|those|an?|some|any|another|every|my|your|his|her|our|their|its)$/i;
const mailHosts = new Set(
  (
    'gmail,googlemail,gmai,gmial,gmal,hotmail,hotmial,outlook,outlok,live,msn,yahoo,yaho,ymail,rocketmail,aol,icloud,me,mac,proton,protonmail,pm,tutanota,tuta,zoho,fastmail,' +
    'web,gmx,t-online,freenet,posteo,mailbox,arcor,orange,laposte,free,wanadoo,sfr,neuf,libero,virgilio,alice,tiscali,tim,uol,bol,terra,ig,globo,' +
    'yandex,mail,rambler,inbox,bk,list,ya,ukr,qq,163,126,sina,foxmail,naver,daum,hanmail,kakao,docomo,ezweb,softbank,rediffmail,walla,' +
    'wp,onet,o2,interia,seznam,centrum,abv,mynet,telenet,ziggo,kpn,hetnet,planet,xs4all,hotmail,bigpond,btinternet,sky,virginmedia,comcast,verizon,att,' +
    'гмейл,джимейл,жмейл,мейл,майл,мэйл,яндекс,почта,جيميل,جیمیل,هوتميل,ياهو,یاهو,יאהו,גימייל,גמייל,הוטמייל,וואלה,जीमेल,याहू,জিমেইল,ジーメール,지메일,네이버,谷歌,จีเมล'
  ).split(','),
);

// === Patterns; each is bounded in length

const gap = String.raw`\s{0,3}`;
const [open, close] = [String.raw`[[({<|*_~"'-]{1,2}\s?`, String.raw`\s?[\])}>|*_~"'-]{1,2}`];
const boundary = String.raw`(?![\p{L}\p{M}\p{N}])`;
const atPattern = new RegExp(
  String.raw`@|(?<=[a-z\d])[★☆◎●◆♪](?=[a-z\d-]{2,40}\.[a-z]{2})|${gap}${open}(?:${strongAt}|at|ät|et|[a@])${close}${gap}|(?<=[^\s@])\s{1,3}(?:(${strongAt})|(${weakAt}))\s{1,3}(?=[\p{L}\p{N}])`,
  'giu',
);
/** with the apostrophe of Hebrew letters */
const label = String.raw`[\p{L}\p{M}\p{N}](?:[\p{L}\p{M}\p{N}-]|(?<=\p{Script=Hebrew})['׳](?=\p{Script=Hebrew})){0,62}(?<!-)`;
const separator =
  String.raw`(\s{0,2}[.,]\s{0,2})|\s{1,3}(${dotWords}|[${dotSigns}])\s{1,3}|${gap}[[({<]\s?(?:${dotWords}|[.${dotSigns}])\s?[\])}>]${gap}|` +
  String.raw`\s?[-_*|](?:${dotWords})[-_*|]\s?|\s{1,3}(?:minus|dash|hyphen|bindestrich|tiret|gui[oó]n|trattino|hífen|дефис)\s{1,3}`;
const labelAt = new RegExp(label, 'uy');
const separatorAt = new RegExp(`(?:${separator})(?=[\\p{L}\\p{N}])`, 'iuy');
const localEnd = new RegExp(
  String.raw`(?:[\p{L}\p{M}\p{N}._%+'-]|[[({<](?:${dotWords}|[._${dotSigns}-])[\])}>]){1,64}$`,
  'iu',
);
const joinEnd = new RegExp(
  String.raw`[^\s@](\s{0,3}[[({<](?:${dotWords}|${joinWords}|[._${dotSigns}-])[\])}>]\s{0,3}|\s{1,3}(?:${dotWords}|${joinWords}|[._+${dotSigns}-])\s{1,3})$`,
  'iu',
);
const glued = new RegExp(
  String.raw`(?<![\p{L}\p{N}._-])[\p{L}\p{N}._-]{1,48}?(?:at|arroba|chiocciola|собака|klammeraffe)(?:gmail|googlemail|hotmail|outlook|yahoo|icloud|proton|protonmail|web|gmx|libero|mail|yandex|live)(?:dot|punkt|punto|ponto|point|точка|\.)(?:com|de|net|org|fr|es|it|ru|me|co)${boundary}`,
  'giu',
);
/** a dot in a word, a word for it, or a mail host: without any there is no address, and most texts have none */
const hint = new RegExp(
  String.raw`[@★☆◎●◆♪]|[^\s.]\.[^\s.\d]|${dotWords}|gmail|hotmail|outlook|yahoo|icloud|proton|gmx|yandex|جي?ميل|هوتميل|ياهو|ג'?ימייל|гмейл|джимейл|мейл|яндекс|जीमेल`,
  'i',
);

/** @returns spans, not in order; they may overlap */
export function* findEmails(text: string): Generator<RedactedSpan> {
  if (!hint.test(text)) return;
  let from = 0;
  for (const match of text.matchAll(atPattern)) {
    if (match.index < from) continue; // inside of the one before
    const at = match.index;
    const end = at + match[0].length;
    const host = hostAfter(text, end, kindOf(match, text));
    if (host === undefined) continue;
    const start = localBefore(text, at, from, match[0] === '@' && !/\s/.test(text[at - 1] ?? ' '));
    if (start === undefined) continue;
    from = host;
    yield { start, end: host, token: 'email' };
  }
  for (const match of text.matchAll(glued)) {
    yield { start: match.index, end: match.index + match[0].length, token: 'email' };
  }
}

type AtKind = 'sign' | 'lonely sign' | 'strong' | 'weak';

function kindOf(match: RegExpExecArray, text: string): AtKind {
  if (match[2] !== undefined) return 'weak';
  if (match[0] !== '@') return 'strong';
  return /\s/.test(text[match.index - 1] ?? ' ') || /\s/.test(text[match.index + 1] ?? ' ') ? 'lonely sign' : 'sign';
}

// === To the right

interface Label {
  text: string;
  end: number;
  /** what stands before it */
  dot: 'first' | 'dot' | 'wide dot' | 'word';
  /** the word for the dot */
  word: string;
}

const maxLabels = 6;

/** Where the host that begins here ends; undefined where there is none. */
function hostAfter(text: string, from: number, kind: AtKind): number | undefined {
  const labels = labelsAt(text, from + (kind === 'sign' ? 0 : spaces(text, from)));
  const first = labels[0];
  if (first === undefined) return undefined;
  if (kind === 'weak' && noHost.test(first.text)) return undefined;
  const isMailHost = mailHosts.has(first.text.toLowerCase().replaceAll(/['׳]/g, ''));
  const close = labels.findIndex(({ dot }) => dot === 'wide dot');
  // what follows after a space is of it only where it is no host without that: `jo@gmail.com. It is late`
  for (const most of new Set([close < 0 ? labels.length : close, labels.length])) {
    for (let count = most; count > 1; count--) {
      if (isHost(labels.slice(0, count), kind, isMailHost)) return labels[count - 1]!.end;
    }
  }
  // `jo@gmail`, `jo arroba gmail`, `jo@gmailcom`
  if (kind === 'weak') return undefined;
  if (kind === 'strong' && !isMailHost) return undefined;
  const isKnown =
    isMailHost &&
    !/^(?:me|list|free|live|mail|web|sky|planet|tim|orange|alice|terra|pm|mac|ya|ig|wp|o2|att)$/i.test(first.text);
  return isKnown || /^(?:gmail|hotmail|yahoo|outlook|googlemail|icloud)(?:com|de|fr|es|it)$/i.test(first.text)
    ? first.end
    : undefined;
}

function isHost(labels: readonly Label[], kind: AtKind, isMailHost: boolean): boolean {
  const last = labels.at(-1)!;
  const tld = last.text.toLowerCase();
  const isTld = commonTlds.has(tld);
  const rest = labels.slice(1);
  if (rest.some(({ dot }) => dot === 'wide dot') && !(isTld && (isMailHost || (kind === 'sign' && tld.length < 4))))
    return false;
  if (rest.every(({ dot }) => dot === 'dot')) {
    if (kind === 'sign' || kind === 'strong') return /^[\p{L}\p{M}]{2,24}$|^xn--/u.test(tld);
    return isTld && (isMailHost || kind === 'lonely sign');
  }
  if (kind === 'sign' || kind === 'strong') return isTld || /^[\p{L}\p{M}]{2,4}$/u.test(tld);
  if (isMailHost) return isTld;
  const hasPoint = rest.some(({ word }) => pointWords.test(word));
  return isTld && !wordTlds.has(tld) && !(hasPoint && pointTlds.has(tld));
}

function labelsAt(text: string, from: number): Label[] {
  const labels: Label[] = [];
  let at = from;
  let dot: Label['dot'] = 'first';
  let word = '';
  while (labels.length < maxLabels) {
    labelAt.lastIndex = at;
    const found = labelAt.exec(text)?.[0];
    if (found === undefined) break;
    // what another script glues to it is not of it: `qq.com是我的`
    const own = labels.length > 0 ? (/^[a-z\d-]*[a-z\d](?=[^\d\p{Script=Latin}-])/iu.exec(found)?.[0] ?? found) : found;
    labels.push({ text: own, end: at + own.length, dot, word });
    if (own !== found) break;
    separatorAt.lastIndex = at + found.length;
    const between = separatorAt.exec(text);
    if (between === null) break;
    dot = between[1] === '.' ? 'dot' : between[1] === undefined ? 'word' : 'wide dot';
    word = between[2] ?? '';
    at = separatorAt.lastIndex;
  }
  return labels;
}

const spaces = (text: string, from: number): number => /^\s{0,3}/.exec(text.slice(from, from + 3))![0].length;

// === To the left

const maxLocalParts = 8;
const maxLocal = 160;

/** Where the name before an @ begins, after `least`; undefined where there is none. */
function localBefore(text: string, at: number, least: number, isAttached: boolean): number | undefined {
  const from = Math.max(least, at - maxLocal);
  let before = text.slice(from, at);
  if (!isAttached) before = before.trimEnd();
  const first = localEnd.exec(before)?.[0];
  if (first === undefined) return undefined;
  let part = ownScript(first).replace(/^[.'-]+/, '');
  if (part === '') return undefined;
  let start = from + before.length - part.length;
  before = before.slice(0, before.length - part.length);
  for (let parts = 1; parts < maxLocalParts; parts++) {
    const join = joinEnd.exec(before)?.[1] ?? (isPiece(part) ? /[\p{L}\p{N}](\s{1,2})$/u.exec(before)?.[1] : undefined);
    if (join === undefined) break;
    const left = localEnd.exec(before.slice(0, before.length - join.length))?.[0];
    if (left === undefined) break;
    const isLetters = part.length === 1 && /^\p{L}$/u.test(part) && !joinEnd.test(before);
    if (isLetters && left.length > 1) break; // `a` after a word is a word
    part = left;
    start -= join.length + left.length;
    before = before.slice(0, before.length - join.length - left.length);
  }
  return start;
}

/** a number or a single letter goes with the word before it: `anna 99 at gmail dot com`, `j o at …` */
const isPiece = (part: string): boolean => /^(?:\d{1,6}|\p{L})$/u.test(part);

/** The end of a word in which another script comes first, as in `邮箱是abc`. */
function ownScript(part: string): string {
  const ascii = /[\x21-\x7e]+$/.exec(part)?.[0] ?? '';
  if (ascii === '' || ascii === part || !/[a-z\d]/i.test(ascii)) return part;
  return /\p{Script=Latin}/u.test(part.slice(-ascii.length - 1)[0]!) ? part : ascii;
}
