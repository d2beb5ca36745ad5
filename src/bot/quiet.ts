/** Quiet hours: a daily span in the persona's time zone in which the bot does not reply. */

/**
 * @param quietHours `22:00-08:00`, may run over midnight; null: none. Start is inside, end is outside.
 * @param timezone IANA name
 */
export function isQuiet(nowMs: number, quietHours: string | null, timezone: string): boolean {
  if (quietHours === null) return false;
  const [start, end] = quietHours.split('-').map(minutesOf);
  if (start === undefined || end === undefined || start === end) return false;
  const now = localMinutes(nowMs, timezone);
  return start < end ? now >= start && now < end : now >= start || now < end;
}

/** Minutes since local midnight. */
function localMinutes(nowMs: number, timezone: string): number {
  const clock = new Intl.DateTimeFormat('en-GB', {
    timeZone: timezone,
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
  return minutesOf(clock.format(nowMs));
}

function minutesOf(time: string): number {
  const [hours, minutes] = time.split(':').map(Number);
  return (hours ?? 0) * 60 + (minutes ?? 0);
}
