/** Local times of an export -> instants. Days without a change of the clocks are computed once each. */
import { DateTime, IANAZone } from 'luxon';
import { check, UserError } from '../util/errors.ts';

/**
 * @param zone IANA name
 * @returns local time in ISO 8601 -> unix ms, earlier first: two where the clocks went back and the hour came twice
 * @throws UserError for a zone that does not exist
 */
export function createLocalTime(zone: string): (ts: string) => number[] {
  if (!IANAZone.isValidZone(zone)) {
    throw new UserError(`"${zone}" is no time zone`, 'Give an IANA name, such as --timezone Europe/Berlin.');
  }
  /** minutes east of UTC, all day long; undefined on a day when the clocks change */
  const offsets = new Map<string, number | undefined>();
  const offsetOf = (day: string): number | undefined => {
    const from = DateTime.fromISO(day, { zone });
    check(from.isValid, `the parser gave the day ${day}`);
    const around = [from.minus({ hours: 3 }), from, from.plus({ hours: 12 }), from.plus({ hours: 27 })];
    return around.every(({ offset }) => offset === from.offset) ? from.offset : undefined;
  };
  return (ts) => {
    const day = ts.slice(0, 10);
    if (!offsets.has(day)) offsets.set(day, offsetOf(day));
    const offset = offsets.get(day);
    if (offset !== undefined) {
      const ms = Date.parse(`${ts}Z`) - offset * 60_000;
      check(!Number.isNaN(ms), `the parser gave the time ${ts}`);
      return [ms];
    }
    const time = DateTime.fromISO(ts, { zone });
    check(time.isValid, `the parser gave the time ${ts}`);
    return time
      .getPossibleOffsets()
      .map((possible) => possible.toMillis())
      .sort((a, b) => a - b);
  };
}
