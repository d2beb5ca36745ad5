/**
 * Shapes that Unicode CLDR implies: every locale's short date, clock, day periods, digits and calendars between the
 * punctuation of an Android or iOS header. Node's `Intl` is CLDR (44 in Node 20.12, 48 in 20.20), so nothing is copied from it.
 */
import type { DateOrder } from '../../src/exports/chat-export.ts';
import type { Calendar } from '../../src/exports/whatsapp/calendar.ts';

/** Languages of CLDR, and the regions and scripts that write dates or times in another way than their language. */
export const locales = `
  dz af agq ak sq am ar hy ars as asa ast az ba bm eu bas be bem bn bez bg bgc bho blo bo bs br brx bua my luy ca ccp
  ce ceb cs cgg zh chr cv ckb syr sa sr-ME kw csw cy da dav de doi dje mn fa-AF dsb dua nl dyo ebu ee et el en eo es
  ewo fo ff fi fil fr fy fur ga gaa om gd ka gl gv kok gsw gu guz ha haw sr-Latn he hi hr hsb hu ia ig is id ie ii it
  ja jv jgo yi jmc kab kl kam kn ks kk kde kea kgp km khq ki rw ky kkj kln ku ko ksb ksf ksh kxv lag lo lv lb lg lij
  ln lt lkt lmo lrc lu luo mk mai ml mi mr mas ms mer mfe mg mgh mgo mt mni ro mua raj mzn naq nb nd nds ne nmg nn nnh
  no nqo nso nus nyn oc or os pa ps pcm pl pms pt prg qu rm rn rof ru rwk sg sah saq sat sbp sc scn sd se seh ses shi
  shn si sk sl smn sn so st su sv sw szl ta tt te teo tg th ti tk tn to tok tr twq tyv tzm ug uk ur uz vai vec vi vmw
  vun wae wo xh xnr xog yav yo yrl yue za zgh zu af-NA sq-MK ar-BH ar-IL ar-KM ar-MA bo-IN zh-HK zh-MY zh-SG zh-TW
  ckb-IR nl-BE ee-TG en-AE en-AG en-AI en-AU en-BE en-BI en-CA en-CH en-DK en-FI en-HK en-IL en-IN en-JP en-MV en-SE
  en-ZA en-ZW es-AR es-BR es-CL es-CO es-CU es-MX es-PA es-US ff-GH fr-BE fr-CA fr-CH fr-CM fr-DJ om-KE kok-IN ha-GH
  hr-BA it-CH kk-CN ku-IQ ko-CN ms-ID ne-IN pa-PK ps-PK pt-AO pt-MO sr-BA sd-IN se-FI so-KE st-LS sv-AX sv-FI ta-LK
  tr-CY ur-IN uz-AF yo-BJ yue-CN hi-Latn ku-Latn-IQ shi-Latn az-Cyrl bs-Cyrl uz-Cyrl yue-Hant-CN ks-Deva zh-Hans-HK`
  .trim()
  .split(/\s+/);

export interface CldrShape {
  name: string;
  locale: string;
  platform: 'android' | 'ios';
  /** as `Intl` knows it, before any year of it is read */
  calendar: string;
  /** null where no parser has to know one */
  order: DateOrder | null;
  seconds: boolean;
  header: (at: Date) => string;
}

/** Calendars that are read; dates of every other are refused. */
export const readCalendars: ReadonlySet<string> = new Set<Calendar | 'gregory'>([
  'gregory',
  'buddhist',
  'japanese',
  'persian',
]);
const otherCalendars = ['islamic-umalqura', 'islamic-civil', 'roc', 'hebrew', 'indian', 'coptic'];

const ofCalendars = [
  ...[
    'en',
    'en-GB',
    'ar',
    'fa',
    'fa-AF',
    'ckb',
    'he',
    'am',
    'th',
    'ja',
    'ko',
    'zh',
    'zh-TW',
    'hi',
    'ps',
    'ur',
    'uz',
    'tr',
  ],
  ...['de', 'fr', 'es', 'pt', 'ru', 'lo', 'my', 'km', 'id', 'ms', 'vi', 'fi', 'sv', 'hu', 'lv', 'bg', 'sr', 'da', 'el'],
];

const digits = [
  'arab',
  'arabext',
  'deva',
  'beng',
  'thai',
  'mymr',
  'khmr',
  'laoo',
  'gujr',
  'guru',
  'knda',
  'mlym',
  'orya',
];
const moreDigits = ['tamldec', 'telu', 'tibt', 'nkoo', 'mong', 'fullwide'];

type Clock = Pick<Intl.DateTimeFormatOptions, 'hour12' | 'hourCycle' | 'dayPeriod'>;

/** The clocks of a phone: the locale's own, 24 hours, 12 hours with AM and PM or with morning, noon, evening. */
const clocks: Record<string, Clock> = {
  own: {},
  '24': { hourCycle: 'h23' },
  '12': { hour12: true },
  'parts of the day': { hour12: true, dayPeriod: 'short' },
};

/** Every shape once: locales that write alike are not repeated. */
export function cldrShapes(): CldrShape[] {
  const shapes = new Map<string, CldrShape>();
  const add = (shape: CldrShape | undefined): void => {
    if (shape === undefined) return;
    const written = [3, 14].map((hour) => shape.header(new Date(Date.UTC(2026, 8, 19, hour, 4, 5)))).join('\n');
    if (!shapes.has(written)) shapes.set(written, shape);
  };
  for (const locale of locales) {
    for (const platform of ['android', 'ios'] as const) {
      for (const clock of Object.keys(clocks)) add(shapeOf(locale, platform, clock, ', '));
    }
    add(shapeOf(locale, 'android', 'own', null));
  }
  for (const locale of ofCalendars) {
    for (const calendar of [...readCalendars, ...otherCalendars])
      add(shapeOf(`${locale}-u-ca-${calendar}`, 'ios', 'own', ', '));
  }
  for (const script of [...digits, ...moreDigits]) {
    for (const locale of ['en-GB', 'en-US', 'ko', 'sv', 'ar', 'fa', 'th', 'hi', 'fi', 'bg'])
      add(shapeOf(`${locale}-u-nu-${script}`, script.length % 2 ? 'ios' : 'android', 'own', ', '));
  }
  return [...shapes.values()];
}

/**
 * @param glue between date and time, or null for the locale's own
 * @returns undefined where a locale writes twelve hours without any word, which no reader can tell apart
 */
function shapeOf(
  locale: string,
  platform: 'android' | 'ios',
  clock: string,
  glue: string | null,
): CldrShape | undefined {
  const style = platform === 'ios' ? 'medium' : 'short';
  const options: Clock = clocks[clock] ?? {};
  const date = formatOf(locale, { dateStyle: 'short' });
  const { calendar } = date.resolvedOptions();
  const order = orderOf(date);
  const second = platform === 'ios' ? { second: '2-digit' as const } : {};
  const time = formatOf(locale, {
    // a style says what the locale writes around the numbers, but takes no day period
    ...(options.dayPeriod === undefined ? { timeStyle: style } : { hour: 'numeric', minute: '2-digit', ...second }),
    ...options,
    calendar: 'gregory',
  });
  const joined = glue === null ? formatOf(locale, { dateStyle: 'short', timeStyle: style }) : null;
  const when = (at: Date): string => joined?.format(at) ?? `${date.format(at)}${glue}${time.format(at)}`;
  const [night, day] = [3, 15].map((hour) => when(new Date(Date.UTC(2026, 8, 19, hour, 4, 5))));
  if (night === day) return undefined;
  return {
    name: `${platform} ${locale} ${clock}${glue === null ? ' joined' : ''}: ${day}`,
    locale,
    platform,
    calendar,
    order,
    seconds: platform === 'ios',
    header: (at) => (platform === 'ios' ? `[${when(at)}] ` : `${when(at)} - `),
  };
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** Formats are slow to make, and most shapes share theirs. */
function formatOf(locale: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${locale} ${JSON.stringify(options)}`;
  let format = formats.get(key);
  if (format === undefined)
    formats.set(key, (format = new Intl.DateTimeFormat(locale, { ...options, timeZone: 'UTC' })));
  return format;
}

/** Null where the short date is no three numbers (`2/ix/2`). */
function orderOf(date: Intl.DateTimeFormat): DateOrder | null {
  const parts = date.formatToParts(new Date(Date.UTC(2026, 8, 19)));
  const order = parts.map(({ type }) => ({ day: 'd', month: 'm', year: 'y' })[type as string] ?? '').join('');
  return order === 'dmy' || order === 'mdy' || order === 'ymd' ? order : null;
}
