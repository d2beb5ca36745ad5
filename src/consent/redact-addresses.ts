/**
 * Postal addresses, best effort, in plain text (plain.ts): a street with a number, in the order and the words of some
 * twenty languages, with the flat, postcode and town after it; postcodes that look like nothing else. The chat format has
 * no token for them: they become `<|secret|>`. Not covered: streets without a street word (`Broadway 5`), towns alone.
 */
import type { RedactedSpan } from './redact-spans.ts';

const start = String.raw`(?<![\p{L}\p{M}\p{N}])`;
const end = String.raw`(?![\p{L}\p{M}\p{N}])`;
const word = String.raw`[\p{L}\p{M}\p{N}][\p{L}\p{M}\p{N}.'’-]{0,23}`;
const number = String.raw`\d{1,5}(?:\s?(?:bis|ter|\p{Ll}))?(?:\s?[/-]\s?(?:\d{1,4}[a-z]?|[a-z]{1,2}))?(?![\p{L}\p{M}\p{N}:%€$£]|[.,]\d)`;
/** the number of a street is none of these */
const notUnits = String.raw`(?!\s?(?:uhr|mins?|minut\p{L}{0,3}|hrs?|hours?|std|stunden?|days?|tage?n?|wochen?|jahre?n?|km|mal|euros?|leute|menschen|horas?|días|dias|años|anos|veces|vezes|personas|pessoas|heures?|jours?|ans|fois|personnes|ore|giorni|anni|volte|persone|uur|dagen|jaar|keer|saat|gün|dakika|kişi|час\p{L}{0,2}|дн\p{L}{1,2}|лет|год\p{L}{0,2}|раз\p{L}?|рубл\p{L}{1,2}|чел\p{L}{0,6}|people|times|miles|mi|[hm%€]|o'clock|am|pm|שעות|דקות|ימים|שקל|دقيقة|دقائق|ساعات?|أيام|ايام|ريال)${end})`;

interface Shape {
  /** the text from the street's first word to its number, group 1 the street's name where it may be none */
  pattern: RegExp;
  /** without it in the text there is nothing to look for */
  hint?: RegExp;
  /** words that no street is named with */
  not?: RegExp;
}

const shapes: readonly Shape[] = [
  // Hauptstraße 5, Kerkstraat 12, Storgatan 3
  {
    hint: /str|weg|platz|allee|gasse|chaussee|laan|plein|gracht|steeg|gatan|vägen|gränd|vejen|katu/i,
    pattern: new RegExp(
      String.raw`${start}[\p{L}\p{M}.-]{2,30}(?:stra(?:ß|ss)en?|str\.?|weg|platz|allee|gasse|chaussee|straat|laan|plein|gracht|steeg|gatan|vägen|gränd|vejen|katu)\s{1,2}(?:nr\.?\s?)?${number}${notUnits}`,
      'giu',
    ),
    not: /^(?:unter|heim|rück|hin|schul|arbeits|park|sitz|rad|um|aus|fuß|halb|keines|über|ziel|spiel|bahn|flug|kinder|steh|stell)(?:weg|platz)/iu,
  },
  // Berliner Str. 12, Oude Gracht 3
  {
    hint: /Str|Allee|Platz|Weg|Ring|Damm|Ufer|Markt|Gracht|Laan|Plein|Kade|Dijk|Singel/,
    pattern: new RegExp(
      String.raw`${start}\p{Lu}[\p{L}-]{1,24}\s(?:Str(?:\.|aße|asse)?|Allee|Platz|Weg|Ring|Damm|Ufer|Markt|Gracht|Laan|Plein|Kade|Dijk|Singel)\s{1,2}${number}${notUnits}`,
      'gu',
    ),
    not: /^(?:Der|Die|Den|Dem|Das|Ein\p{L}{0,2}|Kein\p{L}{0,2}|Mein\p{L}{0,2}|Auf|Im|Am|Zum|Vom)\s/u,
  },
  // 12 rue de la Paix
  {
    hint: /rue|av|bd|boul|blvd|chemin|all|impasse|quai|square|passage|place|route|faubourg|carrer/i,
    pattern: new RegExp(
      String.raw`${start}\d{1,4}(?:\s?(?:bis|ter))?,?\s(?:rue|avenue|av\.?|boulevard|bd\.?|blvd|chemin|all[ée]e|impasse|quai|square|passage|place|route|faubourg|carrer)\s((?:(?:de|du|des|la|le|les|l['’]|d['’]|aux?|en)\s?){0,3}${word}(?:\s\p{Lu}[\p{L}'’-]{1,20}){0,2})`,
      'giu',
    ),
    not: /^(?:de|pour|dans|libres?|en|à|par|assises?|restantes?|ou|et|s)$/iu,
  },
  // calle Mayor 5, C/ Mayor 5, via Roma 12, rua das Flores, 123, jalan Sudirman no 4, ul. Długa 7
  {
    pattern: new RegExp(
      String.raw`${start}(?:calle|c\/|avda?\.?|avenida|av\.?|plaza|pza\.?|paseo|carrera|cra\.?|calzada|camino|travesía|via|viale|v\.le|piazza|p\.?zza|corso|c\.so|vicolo|piazzale|rua|r\.|travessa|praça|alameda|rodovia|estrada|jln?\.?|jalan|ul\.|ulica|al\.|os\.|pl\.|ulice|str\.|strada|đường|phố|ngõ|carrer|οδός|οδος)(?:(?<=[./])\s?|\s)((?:${word}\s){0,4}?${word}(?<!\d)),?\s{0,2}(?:n[°o]?\.?\s?[:°]?\s?|n[úu]m(?:ero)?\.?\s?|nr\.?\s?|#\s?|civico\s)?(?<!\d\.)${number}${notUnits}`,
      'giu',
    ),
    not: /(?:^|\s)(?:a las|a los|a la|all[ea]?|às|as|até|hasta|por|para|per|tra|fra|fino|con|com|hay|há|que|che|son|sono|são|va|vai|tengo|en|od|w|z|mas|pero|ma|se|si|sin|desde|from|the|to|dura|jam|sekitar|sampai|lúc)(?:\s|$)/iu,
  },
  // ул. Ленина, д. 5, кв. 12
  {
    pattern: new RegExp(
      String.raw`${start}(?:г(?:\.|ород)\s?\p{L}{2,20},\s)?(?:ул|улиц[аеуы]|просп|проспект\p{L}?|пр-к?т|пер|переул\p{L}{1,4}|бульвар\p{L}?|б-р|шоссе|наб|набережн\p{L}{1,3}|площад\p{L}|пл|мкр|микрорайон|проезд|вул|вулиц\p{L})(?:\.\s?|\s)((?:${word}\s){0,3}?${word}(?<!\d)),?\s{0,2}(?:д\.?\s?|дом\p{L}?\s|буд\.?\s?)?${number}${notUnits}`,
      'giu',
    ),
    not: /(?:^|\s)(?:[всик]|на|до|со|через|по|за|около|где|от|под)(?:\s|$)/iu,
  },
  // Ленина 5, кв 12
  {
    pattern: new RegExp(
      String.raw`${start}\p{Lu}\p{L}{3,20}\s\d{1,3}\p{Ll}?,?\s(?:кв|квартира)\.?\s?\d{1,4}${end}`,
      'gu',
    ),
  },
  // Atatürk Mah. Gül Sok. No: 5, Gül sok. 5
  {
    hint: /mah|sok|sk\.|cad|cd\.|bulv|blv/i,
    pattern: new RegExp(
      String.raw`${start}(?:[\p{L}\p{N}]{1,20}\.?\s){1,3}(?:mah(?:allesi|\.)?|sok(?:ağı|ak|\.)?|sk\.|cad(?:desi|de|\.)?|cd\.|bulvarı|blv\.?)[\s,]{1,2}(?:${word}\s){0,4}?(?:no\s?[:.]?\s?)?${number}${notUnits}`,
      'giu',
    ),
  },
  // عمارة 9 شارع الزعتر
  {
    pattern: new RegExp(
      String.raw`${start}(?:عمار[ةه]|بناي[ةه]|مبنى|فيلا|شق[ةه]|بيت|منزل)\s(?:رقم\s)?\d{1,4}[,،]?\s(?:شارع|طريق|حي)\s${word}(?:\s${word})?`,
      'giu',
    ),
  },
  // Am Quittenhang 3, 12999 Beispielstadt: any name with a number, a postcode and a town after it
  {
    pattern: new RegExp(
      String.raw`${start}\p{Lu}[\p{L}'’.-]{1,24}(?:\s[\p{L}'’.-]{1,24}){0,3},?\s${number}(?=,?\s{1,2}(?:[A-Z]{1,2}-)?\d{4,5}(?:\s[A-Z]{2})?\s\p{Lu}\p{L}{2})`,
      'gu',
    ),
  },
  // شارع الملك فهد 12, רחוב הרצל 5
  {
    pattern: new RegExp(
      String.raw`${start}(?:[وفبل]?ال?شارع|[وفبل]?شارع|طريق|حي|خیابان|کوچه|بلوار|[בלמהו]{0,2}רחוב|[בל]?רח['׳]|[בל]?שדרות|[בל]?שד['׳]|[בל]?סמטת)\s((?:${word}[,،]?\s){0,5}?${word})[,،]?\s{1,2}(?:(?:رقم|عمارة|عماره|بناية|مبنى|فيلا|منزل|بيت|پلاک|מספר|מס['׳])\s?:?\s?)?${number}${notUnits}`,
      'giu',
    ),
    not: /(?:^|\s)(?:في|من|بعد|قبل|الساعة|إلى|الى|كل|עד|עוד|בשעה|ב|מ|של|כל|יש)(?:\s|$)/u,
  },
  // flat 14, Gulmohar CHS, sector 9; H.No. 3-7/2 Karela Gali
  {
    pattern: new RegExp(
      String.raw`${start}(?:flat|house|plot|h|d)\.?\s?(?:no\.?\s?)?[a-z]?-?\d{1,4}(?:[/-][a-z\d]{1,4}){0,2},?(?:\s[\p{L}\d.'’&/-]{1,20},?){0,6}?\s(?:road|rd|street|st|nagar|marg|gali|colony|sector|society|chs|apartments?|apts?|residency|tower|block|floor|phase|layout|enclave|vihar|mandir|chowk|cross|main|row|lane)\.?${end}(?:,?\s(?:sector|phase|block)?\s?\d{1,3}${end})?`,
      'giu',
    ),
  },
  // मकान नंबर 12, flat no 302
  {
    pattern: new RegExp(
      String.raw`${start}(?:(?:मकान|घर|फ्लैट|प्लॉट|गली)\s(?:नंबर|नम्बर|नं\.?|न\.)|(?:flat|house|plot|door|h|d)\.?\s?(?:no|number)\.?)\s?[:#-]?\s?[a-z]?-?\d{1,4}(?:[/-][a-z\d]{1,4})?${end}`,
      'giu',
    ),
  },
  // 人民路12号, 丸の内1-2-3, 테헤란로 12길 5
  {
    pattern:
      /[\p{Script=Han}\d]{1,10}(?:[路街道巷弄段]|胡同)\d{1,5}(?:弄\d{1,4})?[号號](?:[\p{Script=Han}\d-]{0,16}[室楼栋樓戶户])?/gu,
  },
  {
    pattern:
      /(?:〒\s?\d{3}-?\d{4}\s{0,2})?[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}ー]{1,16}(?:[都道府県市区町村郡]|丁目)?[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}ー]{0,12}\s?\d{1,4}(?:丁目\s?\d{1,4}番地?(?:\s?の?\s?\d{1,4}号?)?|丁目\s?\d{1,4}(?:-\d{1,4}){0,2}|-\d{1,3}-\d{1,4}(?:-\d{1,4})?(?![-\d]))/gu,
  },
  { pattern: /[\p{Script=Han}\p{Script=Katakana}]{1,10}通り?\d{1,4}[番号]地?/gu },
  { pattern: /〒\s?\d{3}-?\d{4}/gu },
  {
    pattern:
      /\p{Script=Hangul}{1,8}[시구군동읍면]\s(?:\p{Script=Hangul}{1,8}[구동읍면리]\s){0,2}[\p{Script=Hangul}\d]{1,12}[로길동리]\s?\d{1,4}(?:-\d{1,4})?(?:번길\s?\d{1,4})?/gu,
  },
  // 31 Cobbler's Row, 27 Jalebi Chowk: words that mean other things too, but not as a name
  {
    pattern: new RegExp(
      String.raw`${start}(?:(?:[Ff]lat|[Aa]pt|[Uu]nit)\s\d{1,4}[A-Za-z]?,\s)?\d{1,5}[A-Za-z]?,?\s(?:\p{Lu}[\p{L}'’-]{1,20}\s){1,3}(?:Row|Way|Place|Square|Hill|Park|Walk|Green|Circle|Trail|Chowk|Path|Gate|Wharf|View|Rise|Yard|Alley|Loop|Plaza|Gali|Enclave|Vihar|Layout|Cross|Main|Mount|Vale|Common|Quay|Parade)${end}`,
      'gu',
    ),
  },
  // 12 Baker Street; in lower case the street word must be plain
  {
    pattern: new RegExp(
      String.raw`${start}\d{1,5}[a-z]?,?\s((?:${word}\s){1,3}?)(?:street|st|avenue|ave|road|rd|boulevard|blvd|lane|ln|drive|dr|court|ct|terrace|crescent|cres|highway|hwy|parkway|pkwy|close|gardens|grove|mews|nagar|marg|colony|sector)\.?${end}(?:\s(?:north|south|east|west|[nsew]))?`,
      'giu',
    ),
    not: /(?:^|\s)(?:a|an|the|my|your|his|her|our|their|its|this|that|these|those|other|same|either|every|any|some|no|of|on|in|at|to|for|from|by|with|and|or|but|is|are|was|were|be|it|you|i|we|they|he|she|all|so|very|more|most|only|min|mins|minutes?|hours?|days?|weeks?|months?|years?|miles?|km|people|times|percent|dollars|bucks|am|pm|took|take|find|go|going|get|got|just|out|over|down|up|off|away|across|along|per|new|different|long|bed|lap|lanes?)(?:\s|$)/iu,
  },
];

/** flat, postcode, town: what follows a street */
const tails: readonly RegExp[] = [
  /,?\s\d{1,2}\s?[oa]\s?[a-z]?(?:\s?(?:izq|dcha|der)\.?)?(?![\p{L}\d])/iuy,
  /,?\s(?:near|opp|opposite|behind)\s[\p{L}'’ ]{2,30}(?=,)/iuy,
  /\s?[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\u30fc]{1,10}\d{1,4}(?:号室?)?/uy,
  /,?\s{0,2}(?:apt|apartment|flat|unit|suite|ste|piso|puerta|int|interior|dpto|depto|apto|ap|apartamento|bloco|bl|sala|scala|interno|etage|wohnung|whg|b[âa]t|appt|кв|квартира|подъезд|этаж|корп|к|стр|daire|kat|[dm]|bus|lok|דירה|קומה|כניסה|شقة|الدور|واحد)\.?\s?[:#]?\s?[\p{L}\d]{1,4}(?![\p{L}\d])/iuy,
  /[,،]?\s{1,2}(?:in\s)?(?:[A-Z]{1,2}-)?(?:\d{4}\s?[A-Z]{2}|\d{2}-\d{3}|\d{5}-\d{3}|\d{3}\s\d{2}|\d{4,7})(?!\d)(?:[,\s]{1,2}\p{L}[\p{L}'’.-]{1,24}(?:\s\p{Lu}[\p{L}'’-]{1,20}){0,2})?/uy,
  /[,،]\s{0,2}(?:[A-Z]{2}\s\d{5}|\d{6}|[A-Z]{1,2}\d[A-Z\d]?\s?\d[A-Z]{2}|\p{Lu}[\p{L}'’-]{2,20}(?:[\s-]\p{Lu}[\p{L}'’-]{1,20}){0,2}(?:,?\s[A-Z]{2})?(?:\s\d{5,6})?)(?![\p{L}\d])/uy,
  /,\s[\u05d0-\u05ea]{2,12}(?:\s[\u05d0-\u05ea]{2,12})?(?![\p{L}\d])/uy,
  /[,،]?\s{1,2}[A-Z]{1,2}\d[A-Z\d]?\s?\d[A-Z]{2}(?![\p{L}\d])/uy,
];

/** postcodes that are nothing else: of Britain, of the Netherlands and the United States with their town, of Brazil */
const postcodes: readonly RegExp[] = [
  /(?<![\p{L}\p{N}])[A-Z]{1,2}\d[A-Z\d]?\s\d[ABD-HJLNP-UW-Z]{2}(?![\p{L}\p{N}])/gu,
  /(?<![\p{L}\p{N}])[a-z]{1,2}\d[a-z\d]?\s\d(?!st|nd|rd|th|gb|tb|hr)[abd-hjlnp-uw-z]{2}(?![\p{L}\p{N}])/gu,
  /(?<![\p{L}\p{N}])[1-9]\d{3}\s?(?!AM|PM|EU|US|UK|TV)[A-Z]{2}\s\p{Lu}\p{L}{2,20}(?![\p{L}\p{N}])/gu,
  /(?<![\p{L}\p{N}])\p{Lu}\p{L}{2,20},\s[A-Z]{2}\s\d{5}(?:-\d{4})?(?![\p{L}\p{N}])/gu,
  /(?<![\p{L}\p{N}-])\d{5}-\d{3}(?![\p{L}\p{N}-])/gu,
];

/** @returns spans, not in order; they may overlap */
export function* findAddresses(text: string): Generator<RedactedSpan> {
  if (!/\d/.test(text)) return;
  for (const { pattern, not, hint } of shapes) {
    if (hint?.test(text) === false) continue;
    for (const match of text.matchAll(pattern)) {
      if (not?.test((match[1] ?? match[0]).trim()) === true) continue;
      yield { start: match.index, end: tailEnd(text, match.index + match[0].length), token: 'secret' };
    }
  }
  for (const pattern of postcodes) {
    for (const match of text.matchAll(pattern)) {
      yield { start: match.index, end: match.index + match[0].length, token: 'secret' };
    }
  }
}

function tailEnd(text: string, from: number): number {
  let at = from;
  for (const tail of tails) {
    tail.lastIndex = at;
    if (tail.test(text)) at = tail.lastIndex;
  }
  return at;
}
