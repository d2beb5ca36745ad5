/**
 * Words beside the numbers of a header: day periods (AM, 오후, a. m.), joining words (klo, à), clock and year suffixes, eras.
 * A word in, its role out. Day periods are in day-periods.ts, eras those of Unicode CLDR 48. A word that is nowhere makes a
 * header unreadable rather than half a day or years wrong.
 */
import { dayPeriods } from './day-periods.ts';
import type { DayPeriod } from './day-periods.ts';

export type Era = 'buddhist' | 'reiwa' | 'heisei' | 'persian' | 'gregorian' | 'hijri';

/** What a word is: P day period, J joins date and time, E era or year suffix, D after a year, month or day, H M S U after a clock's numbers. */
export type WordRole = 'P' | 'J' | 'E' | 'D' | 'H' | 'M' | 'S' | 'U';

export interface Word {
  role: WordRole;
  period?: DayPeriod;
  era?: Era;
}

/** `9.9.2026 klo 9.52`, `09/09/2026 à 09:52` */
const joins = `
  klo kl à às ás as at um u o v в у во на om ob alle ore ora kell plkst jam alas ales στις στι בשעה الساعة ساعت ساعة pukul pada saat lúc kwa ve
  को बजे नि klock ê ga le`;

const clockSuffixes = 'uhr ч น hod hodź ura urë';

const eras: Record<Era, string> = {
  buddhist: `
    be eb bg bk rb bd бе бс พศ พุทธศักราช ພສ ပသ 불기 佛历 佛曆 बौद्धसंवत इसपू ਈਪੂ amzervezhvoudaek تقویمبودایی`,
  reiwa: 'r 令和 reiwa reiva рэйва реива रेइवा 레이와 เรวะ ရေးဝႃႇ',
  heisei: '平成 heisei',
  persian: 'ap هش ھش 波斯历 波斯曆 ปีเปอร์เซีย',
  gregorian: 'ad ce คศ г р гг ж gada m 西元 公元 서기 ميلادي',
  hijri: `
    ah هـ ه هق εε eh mf hs ах хж 伊斯兰历 伊斯蘭曆 ฮศ যুগ ഹിജറ हिव סהג הגרה ہجری ھىجرىيە сана hicri hicrî hijri hijriy ပႁ saʻnahizjria`,
};

function table(rows: readonly (readonly [names: string, word: Word])[]): ReadonlyMap<string, Word> {
  const found = new Map<string, Word>();
  for (const [names, word] of rows) {
    for (const name of names.trim().split(/\s+/)) {
      const key = name.normalize('NFC');
      if (!found.has(key)) found.set(key, word);
    }
  }
  return found;
}

const clockWords = table([
  ...(['am', 'pm', 'noon', 'night'] as const).map((period) => [dayPeriods[period], { role: 'P', period }] as const),
  [joins, { role: 'J' }],
  ['h 时 時 點 点 시', { role: 'H' }],
  ['min 分 분', { role: 'M' }],
  ['s 秒 초', { role: 'S' }],
  [clockSuffixes, { role: 'U' }],
  ['年 月 日 년 월 일', { role: 'D' }],
]);

const eraWords = table((Object.keys(eras) as Era[]).map((era) => [eras[era], { role: 'E', era }] as const));

/** Letters that stand alone between numbers, also where the next word follows at once (`9月19日下午1:18`). */
export function isUnitLetter(letter: string): boolean {
  return '年月日년월일时時點点시分분秒초'.includes(letter);
}

/**
 * The role of a word in a header, by its letters alone (`a. m.` is `am`), or undefined for a word nobody knows. `AP` is an era
 * beside a date and a morning beside a clock, so the place counts too.
 */
export function lookUpWord(written: string, beforeClock: boolean): Word | undefined {
  const key = written
    .normalize('NFC')
    .toLowerCase()
    .replace(/[^\p{L}\p{M}]/gu, '');
  return beforeClock ? (eraWords.get(key) ?? clockWords.get(key)) : (clockWords.get(key) ?? eraWords.get(key));
}

/** Hour of the 24 h clock, or -1 where hour and word contradict each other. Hours past 12 stay as they are. */
export function hour24(hour: number, period: DayPeriod | null): number {
  if (hour < 0 || hour > 23) return -1;
  if (period === null) return hour;
  if (hour > 12) return period === 'am' ? -1 : hour;
  if (period === 'am') return hour % 12;
  if (period === 'pm') return (hour % 12) + 12;
  if (period === 'noon') return hour === 10 || hour === 11 ? hour : (hour % 12) + 12;
  return hour >= 6 && hour < 12 ? hour + 12 : hour % 12;
}
