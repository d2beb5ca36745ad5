/**
 * Numbers of a header -> local time in ISO 8601. Most headers have the date of the one above, so its text is kept.
 */
import { dateOf } from './date-order.ts';
import type { DayPeriod } from './day-periods.ts';
import type { HeaderForm } from './header.ts';
import type { HeaderScanner } from './scanner.ts';
import type { DetectedShape } from './shape.ts';
import { hour24 } from './words.ts';

const dayMinutes = 24 * 60;

export interface Clock {
  /** of the header read last, `2026-09-19T09:52:00` */
  readonly ts: string;
  /** it is dated more than a day before the one above; the first line is often a notice dated later, and does not count */
  readonly ranBackward: boolean;
  /** Reads the header found last; false where its numbers are no time of this file's calendar. */
  read(form: HeaderForm): boolean;
}

const two = (value: number): string => String(value).padStart(2, '0');
/** `T00:00:` to `T23:59:`, the same at full minutes, and `00` to `59` */
const minutes = Array.from({ length: dayMinutes }, (_, i) => `T${two(Math.floor(i / 60))}:${two(i % 60)}:`);
const fullMinutes = minutes.map((minute) => `${minute}00`);
const seconds = Array.from({ length: 60 }, (_, i) => two(i));

export function createClock(scanner: HeaderScanner, shape: DetectedShape): Clock {
  const { values, digits } = scanner;
  const written = new Int32Array(6);
  const hours = new Map<DayPeriod | null, number[]>();
  let lastForm: HeaderForm | undefined;
  let dateId = -1;
  let hoursOfForm: readonly number[] = [];
  let date: string | undefined;
  let day = 0;
  /** unix minutes of the header read last; in an array, since a number with a fraction is an object elsewhere */
  const previous = Float64Array.of(NaN);
  let isFirst = true;

  function hoursOf({ period }: HeaderForm): number[] {
    let found = hours.get(period);
    if (found === undefined) hours.set(period, (found = minutes.slice(0, 24).map((_, hour) => hour24(hour, period))));
    return found;
  }

  function readDate(form: HeaderForm): void {
    for (let i = 0; i < 3; i++) {
      written[i] = values[i]!;
      written[3 + i] = digits[i]!;
    }
    const found = dateOf(scanner, form, shape.order);
    date = undefined;
    if (found?.calendar !== shape.calendar) return;
    date = `${found.year}-${two(found.month)}-${two(found.day)}`;
    day = Date.UTC(found.year, found.month - 1, found.day) / 86_400_000;
  }

  const isSameDate = (): boolean =>
    values[0] === written[0] &&
    values[1] === written[1] &&
    values[2] === written[2] &&
    digits[0] === written[3] &&
    digits[1] === written[4] &&
    digits[2] === written[5];

  const clock = {
    ts: '',
    ranBackward: false,
    read(form: HeaderForm): boolean {
      const isSameForm = form === lastForm;
      if (!isSameForm) hoursOfForm = hoursOf((lastForm = form));
      if (dateId !== scanner.dateId) {
        dateId = scanner.dateId;
        // an era is part of the form
        if (!isSameDate() || (!isSameForm && form.era !== null)) readDate(form);
      }
      const hour = hoursOfForm[values[3]!]!;
      if (date === undefined || hour < 0) return false;
      const minute = hour * 60 + values[4]!;
      const second = form.seconds ? values[5]! : 0;
      clock.ts = date + (second === 0 ? fullMinutes[minute]! : minutes[minute]! + seconds[second]!);
      const now = day * dayMinutes + minute + second / 60;
      clock.ranBackward = now < previous[0]! - dayMinutes;
      if (isFirst) isFirst = false;
      else previous[0] = now;
      return true;
    },
  };
  return clock;
}
