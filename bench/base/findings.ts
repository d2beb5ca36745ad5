/**
 * What in a text would lead to a person or open a door, for the scan of what a base says: everything that redaction hides
 * (src/consent/redact.ts), street addresses in any case, and a full name beside one of those. And whether a finding stands
 * in other text. Rather too much than too little: `20 lake drive` is an address here whatever was meant.
 * Not covered: addresses in the order of other languages (`Hauptstr. 5`), names that stand alone.
 */
import { defaultRegions, redactSpans } from '../../src/consent/redact.ts';
import { normalise } from '../../src/dataset/dedupe.ts';

export const findingKinds = ['phone', 'email', 'card', 'secret', 'link', 'address', 'nameAndAddress'] as const;
export type FindingKind = (typeof findingKinds)[number];

export interface Finding {
  kind: FindingKind;
  /** as it stands in the text; of a name and an address, from the first of them to the end of the other */
  text: string;
}

/** Findings of a text. A name and an address are one finding more than the address in them. */
export function findingsIn(text: string): Finding[] {
  const findings: Finding[] = [];
  const addresses = addressesIn(text);
  for (const { start, end, token } of redactSpans(text, { regions: defaultRegions })) {
    // redaction hides addresses as secrets
    const isAddress = token === 'secret' && addresses.some((address) => address.start < end && address.end > start);
    if (token !== 'name' && !isAddress) findings.push({ kind: token, text: text.slice(start, end) });
  }
  const names = namesIn(text);
  for (const { start, end } of addresses) {
    findings.push({ kind: 'address', text: text.slice(start, end) });
    for (const name of names) {
      const isInside = name.start < end && name.end > start;
      const distance = Math.max(name.start - end, start - name.end);
      if (isInside || distance > besideCharacters) continue;
      const whole = text.slice(Math.min(start, name.start), Math.max(end, name.end));
      findings.push({ kind: 'nameAndAddress', text: whole });
    }
  }
  return findings;
}

// === Addresses

interface Span {
  start: number;
  end: number;
}

const streetWords = new Set(
  'street,st,str,avenue,ave,av,road,rd,boulevard,blvd,lane,ln,drive,dr,way,court,ct,place,pl,square,sq,terrace,highway,hwy,parkway,pkwy,circle,crescent,alley,trail'.split(
    ',',
  ),
);
/** words that no street in lower case is named with: `20 miles the other way` */
const noStreetNames = new Set(
  (
    'the,a,an,my,your,his,her,our,their,its,this,that,these,those,other,same,either,every,any,some,no,of,on,in,at,to,for,from,' +
    'by,with,and,or,but,is,are,was,were,be,been,it,you,i,we,they,he,she,all,half,far,too,so,very,really,much,more,most,only,' +
    'minutes,minute,mins,min,hours,hour,days,day,weeks,week,months,month,years,year,miles,mile,km,people,times,percent,' +
    'dollars,bucks,lbs,am,pm,took,take,find,found,go,going,get,got,just,out,over,down,up,off,away,across,along,per'
  ).split(','),
);
/** nor with these alone: `2 different ways`, `3 great places`, but `7 old mill road` */
const plainWords = new Set(
  'new,old,great,good,better,best,right,wrong,long,hard,first,last,next,one,two,different,big'.split(','),
);
const maxStreetNameWords = 3;

/** A number, one to three words, a street word. */
export function addressesIn(text: string): Span[] {
  const words = [...text.matchAll(/[\p{L}\p{M}\p{N}'’.]+/gu)].map((match) => ({
    text: match[0].replace(/\.+$/, ''),
    start: match.index,
  }));
  const found: Span[] = [];
  words.forEach(({ text: number, start }, at) => {
    if (!/^\d{1,5}[a-z]?$/i.test(number)) return;
    for (let street = at + 2; street <= at + 1 + maxStreetNameWords && street < words.length; street++) {
      const { text: last, start: lastStart } = words[street]!;
      if (!streetWords.has(last.toLowerCase())) continue;
      const between = text.slice(start, lastStart);
      const name = words.slice(at + 1, street).map((word) => word.text);
      const isSaid = /[,;:!?\n]|\. \p{Lu}/u.test(between);
      if (isSaid || !isStreetName(name, last)) continue;
      found.push({ start, end: lastStart + last.length });
      return;
    }
  });
  return found;
}

function isStreetName(name: readonly string[], streetWord: string): boolean {
  if (!name.every((word) => /^(?:\p{L}[\p{L}\p{M}'’.]*|\d{1,3}(?:st|nd|rd|th))$/iu.test(word))) return false;
  if ([...name, streetWord].every((word) => /^[\p{Lu}\d]/u.test(word))) return true;
  const plain = name.map((word) => word.toLowerCase());
  return !plain.some((word) => noStreetNames.has(word)) && !plain.every((word) => plainWords.has(word));
}

// === Names

/** Between a name and an address, at most. */
const besideCharacters = 60;
/** Capitalised for another reason than being a name: what begins sentences. */
const sentenceWords = new Set(
  (
    'i,am,be,the,a,an,my,your,his,her,our,their,we,you,he,she,it,they,this,that,there,here,what,where,when,who,why,how,is,are,was,' +
    'do,does,did,have,has,can,could,would,will,should,yes,yeah,no,ok,okay,oh,well,so,and,but,or,if,then,hi,hello,hey,thanks,' +
    'thank,please,sure,great,good,at,on,in,to,from,for,of,not,just,go,come,send,meet,pick,im,its,lets'
  ).split(','),
);
const introduced =
  /(?:\bname(?: is|'s|:)|\bi'?m|\bi am|\bthis is|\bcalled|\bfor|\bto)\s+(\p{L}{2,20}\s+\p{L}{2,20})/giu;

/** Two or three capitalised words in a row, and in lower case two words after `my name is` and its like. */
function namesIn(text: string): Span[] {
  const found: Span[] = [];
  for (const match of text.matchAll(/\p{Lu}[\p{L}'’-]+(?: \p{Lu}\.)?(?: \p{Lu}[\p{L}'’-]+)+/gu)) {
    const words = [...match[0].matchAll(/[\p{L}.'’-]+/gu)];
    const first = words.findIndex(([word]) => !sentenceWords.has(word.toLowerCase().replaceAll(/['’.]/g, '')));
    if (first === -1 || words.length - first < 2) continue;
    found.push({ start: match.index + words[first]!.index, end: match.index + match[0].length });
  }
  for (const match of text.matchAll(introduced)) {
    const name = match[1]!;
    const isName = name
      .toLowerCase()
      .split(/\s+/)
      .every((word) => !sentenceWords.has(word) && !noStreetNames.has(word));
    if (isName) found.push({ start: match.index + match[0].length - name.length, end: match.index + match[0].length });
  }
  return found;
}

// === The same in other text

/** Which of the findings stand in the texts, letter by letter but for case, width and spaces; numbers also if grouped otherwise. */
export function verbatimIn(findings: readonly Finding[], texts: Iterable<string>): Set<Finding> {
  const needles = findings.map((finding) => ({ finding, key: keyOf(finding) }));
  let open = needles;
  const found = new Set<Finding>();
  for (const text of texts) {
    if (open.length === 0) break;
    const plain = normalise(text);
    const joined = /\d/.test(plain) ? joinDigits(plain) : plain;
    const hits = open.filter(({ finding, key }) => (isNumber(finding) ? joined : plain).includes(key));
    if (hits.length === 0) continue;
    for (const { finding } of hits) found.add(finding);
    open = open.filter(({ finding }) => !found.has(finding));
  }
  return found;
}

const isNumber = ({ kind }: Finding): boolean => kind === 'phone' || kind === 'card';

function keyOf(finding: Finding): string {
  const plain = normalise(finding.text);
  return isNumber(finding) ? joinDigits(plain).replaceAll(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, '') : plain;
}

/** `(555) 010-23 44` -> `(5550102344` */
function joinDigits(text: string): string {
  return text.replaceAll(/(?<=\d)[ ().\-/]+(?=\d)/g, '');
}
