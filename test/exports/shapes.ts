/** Headers as phones write them, one writer a shape: local time in, the text before `Name: text` out. */

export interface Moment {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
  second: number;
}

export interface WrittenShape {
  name: string;
  platform: 'android' | 'ios' | 'legacy-ios';
  order: 'dmy' | 'mdy' | 'ymd';
  seconds: boolean;
  clock: 12 | 24;
  header(at: Moment): string;
}

const two = (value: number): string => String(value).padStart(2, '0');
const short = (year: number): string => String(year).slice(-2);
const h12 = (hour: number): number => hour % 12 || 12;
const half = (hour: number, am: string, pm: string): string => (hour < 12 ? am : pm);

/** Digits of another script, by the code point of its zero. */
export function inDigits(text: string, zero: number): string {
  return text.replace(/\d/g, (digit) => String.fromCharCode(zero + Number(digit)));
}

function android(
  name: string,
  order: WrittenShape['order'],
  clock: 12 | 24,
  when: (at: Moment) => string,
): WrittenShape {
  return {
    name: `android ${name}`,
    platform: 'android',
    order,
    clock,
    seconds: false,
    header: (at) => `${when(at)} - `,
  };
}

function ios(name: string, order: WrittenShape['order'], clock: 12 | 24, when: (at: Moment) => string): WrittenShape {
  return { name: `ios ${name}`, platform: 'ios', order, clock, seconds: true, header: (at) => `[${when(at)}] ` };
}

const hm = ({ hour, minute }: Moment): string => `${two(hour)}:${two(minute)}`;
const hms = (at: Moment): string => `${hm(at)}:${two(at.second)}`;
const dmy = (at: Moment, gap: string): string => `${two(at.day)}${gap}${two(at.month)}${gap}${at.year}`;
const h12m = ({ hour, minute }: Moment): string => `${h12(hour)}:${two(minute)}`;
const h12ms = (at: Moment): string => `${h12m(at)}:${two(at.second)}`;

export const shapes: WrittenShape[] = [
  android('en-GB', 'dmy', 24, (at) => `${dmy(at, '/')}, ${hm(at)}`),
  android(
    'en-US',
    'mdy',
    12,
    (at) => `${at.month}/${at.day}/${short(at.year)}, ${h12m(at)}\u202F${half(at.hour, 'AM', 'PM')}`,
  ),
  android(
    'en-CA',
    'ymd',
    12,
    (at) => `${at.year}-${two(at.month)}-${two(at.day)}, ${h12m(at)} ${half(at.hour, 'a.m.', 'p.m.')}`,
  ),
  android('de', 'dmy', 24, (at) => `${two(at.day)}.${two(at.month)}.${short(at.year)}, ${hm(at)}`),
  android('fr-CA', 'ymd', 24, (at) => `${at.year}-${two(at.month)}-${two(at.day)} ${two(at.hour)} h ${two(at.minute)}`),
  android('fi', 'dmy', 24, (at) => `${at.day}.${at.month}.${at.year} klo ${at.hour}.${two(at.minute)}`),
  android('da', 'dmy', 24, (at) => `${two(at.day)}.${two(at.month)}.${at.year} ${two(at.hour)}.${two(at.minute)}`),
  android(
    'id',
    'dmy',
    24,
    (at) => `${two(at.day)}/${two(at.month)}/${short(at.year)} ${two(at.hour)}.${two(at.minute)}`,
  ),
  android('bg', 'dmy', 24, (at) => `${at.day}.${two(at.month)}.${short(at.year)} г., ${at.hour}:${two(at.minute)} ч.`),
  android('hu', 'ymd', 24, (at) => `${at.year}. ${two(at.month)}. ${two(at.day)}. ${at.hour}:${two(at.minute)}`),
  android(
    'hu 12',
    'ymd',
    12,
    (at) => `${at.year}. ${two(at.month)}. ${two(at.day)}. ${half(at.hour, 'de.', 'du.')} ${h12m(at)}`,
  ),
  android('sr', 'dmy', 24, (at) => `${at.day}. ${at.month}. ${at.year}. ${hm(at)}`),
  android(
    'el',
    'dmy',
    12,
    (at) => `${at.day}/${at.month}/${short(at.year)}, ${h12m(at)} ${half(at.hour, 'π.μ.', 'μ.μ.')}`,
  ),
  android(
    'tr 12',
    'dmy',
    12,
    (at) => `${two(at.day)}.${two(at.month)}.${at.year} ${half(at.hour, 'ÖÖ', 'ÖS')} ${h12m(at)}`,
  ),
  android('ko', 'ymd', 12, (at) => `${at.year}. ${at.month}. ${at.day}. ${half(at.hour, '오전', '오후')} ${h12m(at)}`),
  android(
    'ko words',
    'ymd',
    12,
    (at) => `${at.year}년 ${at.month}월 ${at.day}일 ${half(at.hour, '오전', '오후')} ${h12m(at)}`,
  ),
  android('zh', 'ymd', 12, (at) => `${at.year}/${at.month}/${at.day} ${half(at.hour, '上午', '下午')}${h12m(at)}`),
  android(
    'zh words',
    'ymd',
    12,
    (at) => `${at.year}年${at.month}月${at.day}日 ${half(at.hour, '上午', '下午')}${h12m(at)}`,
  ),
  android(
    'ja 12',
    'ymd',
    12,
    (at) =>
      `${at.year}/${two(at.month)}/${two(at.day)} ${half(at.hour, '午前', '午後')}${at.hour % 12}:${two(at.minute)}`,
  ),
  android('ar 12', 'dmy', 12, (at) => `${at.day}/${at.month}/${at.year}، ${h12m(at)} ${half(at.hour, 'ص', 'م')}`),
  android('ar digits', 'dmy', 12, (at) =>
    inDigits(`${at.day}‏/${at.month}‏/${at.year}، ${h12m(at)} ${half(at.hour, 'ص', 'م')}`, 0x660),
  ),
  android('fa', 'ymd', 24, (at) => inDigits(`${at.year}/${at.month}/${at.day}،‏ ${at.hour}:${two(at.minute)}`, 0x6f0)),
  android('mr', 'dmy', 12, (at) =>
    inDigits(`${at.day}/${at.month}/${short(at.year)}, ${h12m(at)} ${half(at.hour, 'am', 'pm')}`, 0x966),
  ),
  android('th', 'dmy', 24, (at) => `${at.day}/${at.month}/${at.year + 543} ${hm(at)}`),
  android('th short', 'dmy', 24, (at) => `${at.day}/${at.month}/${short(at.year + 543)} ${hm(at)} น.`),
  android('th digits', 'dmy', 24, (at) => inDigits(`${at.day}/${at.month}/${at.year + 543} ${hm(at)}`, 0xe50)),
  android('vi', 'dmy', 24, (at) => `${hm(at)}, ${dmy(at, '/')}`),
  android('vi 12', 'dmy', 12, (at) => `${h12m(at)} ${half(at.hour, 'SA', 'CH')} ${dmy(at, '/')}`),
  ios(
    'en-US',
    'mdy',
    12,
    (at) => `${at.month}/${at.day}/${short(at.year)}, ${h12ms(at)}\u202F${half(at.hour, 'AM', 'PM')}`,
  ),
  ios('de', 'dmy', 24, (at) => `${two(at.day)}.${two(at.month)}.${short(at.year)}, ${hms(at)}`),
  ios('sv', 'ymd', 24, (at) => `${at.year}-${two(at.month)}-${two(at.day)} ${hms(at)}`),
  ios(
    'es 12',
    'dmy',
    12,
    (at) => `${at.day}/${at.month}/${short(at.year)}, ${h12ms(at)} ${half(at.hour, 'a.\u00A0m.', 'p.\u00A0m.')}`,
  ),
  ios('ko', 'ymd', 12, (at) => `${at.year}. ${at.month}. ${at.day}. ${half(at.hour, '오전', '오후')} ${h12ms(at)}`),
  ios('zh', 'ymd', 12, (at) => `${at.year}/${at.month}/${at.day} ${half(at.hour, '上午', '下午')}${h12ms(at)}`),
  ios('zh 24', 'ymd', 24, (at) => `${at.year}/${at.month}/${at.day}, ${hms(at)}`),
  ios('ja era', 'mdy', 24, (at) => `${at.month}/${at.day}/R${at.year - 2018}, ${hms(at)}`),
  ios('th', 'dmy', 24, (at) => `${at.day}/${at.month}/${at.year + 543} BE, ${hms(at)}`),
  ios('vi', 'dmy', 24, (at) => `${hms(at)}, ${at.day}/${at.month}/${at.year}`),
  ios('ar', 'dmy', 12, (at) =>
    inDigits(`${at.day}‏/${at.month}‏/${at.year}، ${h12ms(at)}\u00A0${half(at.hour, 'ص', 'م')}`, 0x660),
  ),
  {
    name: 'legacy 24',
    platform: 'legacy-ios',
    order: 'dmy',
    seconds: true,
    clock: 24,
    header: (at) => `${dmy(at, '/')} ${hms(at)}: `,
  },
  {
    name: 'legacy 12',
    platform: 'legacy-ios',
    order: 'mdy',
    seconds: true,
    clock: 12,
    header: (at) => `${at.month}/${at.day}/${short(at.year)}, ${h12ms(at)} ${half(at.hour, 'AM', 'PM')}: `,
  },
];
