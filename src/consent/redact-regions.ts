/**
 * Which countries' national phone numbers a persona's chats may hold: those that persona.json names, else those of its
 * languages and time zone and twelve large ones. Numbers with a plus sign need none of this.
 */
import { getCountries, isSupportedCountry } from 'libphonenumber-js/max';
import type { RedactOptions } from './redact-spans.ts';

/** Regions whose national numbers are tried where nobody said which; with + or context words others are found too. */
export const defaultRegions: readonly string[] = [
  'US',
  'GB',
  'DE',
  'FR',
  'ES',
  'IT',
  'BR',
  'IN',
  'IL',
  'NL',
  'TR',
  'MX',
];

/** Whether national phone numbers of this ISO 3166 code are known: `DE`, not `de` or `EU`. */
export const isKnownRegion = (code: string): boolean => isSupportedCountry(code);

export interface RedactionSettings {
  /** BCP 47 tags */
  languages: readonly string[];
  /** IANA name */
  timezone: string;
  /** of persona.json; without regions, those of languages and time zone and `defaultRegions` */
  redaction: { names: readonly string[]; regions: readonly string[] | null };
}

/** What `redactSpans` takes, from the persona's settings. */
export function redactionOf({ languages, timezone, redaction }: RedactionSettings): Required<RedactOptions> {
  const { names, regions } = redaction;
  const guessed = [...languages.flatMap(regionOfLanguage), ...regionsOfTimezone(timezone), ...defaultRegions];
  return { names: [...names], regions: [...new Set(regions ?? guessed)] };
}

/** `pt-PT` is Portugal, `pt` most often Brazil (CLDR's likely subtags). */
function regionOfLanguage(tag: string): string[] {
  const { region } = new Intl.Locale(tag).maximize();
  return region !== undefined && isKnownRegion(region) ? [region] : [];
}

/** CLDR's time zones of each country; `UTC` belongs to none. */
function regionsOfTimezone(timezone: string): string[] {
  // `Asia/Kolkata` is `Asia/Calcutta` to CLDR
  const canonical = new Intl.DateTimeFormat('en', { timeZone: timezone }).resolvedOptions().timeZone;
  return getCountries().filter((country) => zonesOf(country).some((zone) => zone === canonical || zone === timezone));
}

/** Node 20 has it as a property, later ones as a function. */
function zonesOf(country: string): readonly string[] {
  const locale: Intl.Locale & { timeZones?: string[]; getTimeZones?: () => string[] | undefined } = new Intl.Locale(
    `und-${country}`,
  );
  return locale.getTimeZones?.() ?? locale.timeZones ?? [];
}
