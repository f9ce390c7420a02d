import { FailureType, HoldfastError } from '../../contracts/failures.ts';

export const UTC = 'UTC';

/** Abbreviations that ICU takes for one zone (BST: Bangladesh) and the tz database, which Temporal's server reads, does not know. */
const ICU_ONLY = /^(ACT|AET|AGT|ART|AST|BET|BST|CAT|CNT|CST|CTT|EAT|ECT|IET|IST|JST|MIT|NET|NST|PLT|PNT|PRT|PST|SST|VST|SystemV\/.*)$/i;
const NAME = /^[A-Z][A-Za-z0-9]*(?:[_+-][A-Za-z0-9]+)*(?:\/[A-Z][A-Za-z0-9]*(?:[_+-][A-Za-z0-9]+)*)*$/;
/** `ASIA/KOLKATA`, `Cet`: no name of the tz database looks like this. */
const MISSPELT = /[A-Z]{4}|^[A-Z][a-z]{1,2}$/;

const formats = new Map<string, Intl.DateTimeFormat>();

/** The name of a time zone as the tz database spells it: upper and lower case matter to Temporal's server. `BadInput` when there is none. */
export function canonicalZone(name: string): string {
  const resolved = ICU_ONLY.test(name) || !/^[a-z]/i.test(name) ? undefined : resolvedZone(name);
  if (resolved?.toLowerCase() === name.toLowerCase()) return resolved;
  // ICU answers with its own name for a link of the tz database, so the link's spelling stands or falls by itself.
  if (resolved !== undefined && NAME.test(name) && !MISSPELT.test(name)) return name;
  if (/^(utc|gmt)$/i.test(name)) return name.toUpperCase();
  throw new HoldfastError(FailureType.BadInput, `time zone "${name}" is unknown`, {
    advice: 'use a name of the tz database, spelled as there, such as Europe/Berlin or UTC',
  });
}

/** Seconds that the clocks of a zone are ahead of UTC at an instant (milliseconds since 1970). */
export function zoneOffset(zone: string, milliseconds: number): number {
  if (zone === UTC) return 0;
  let format = formats.get(zone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' });
    formats.set(zone, format);
  }
  const match = /GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/.exec(format.format(milliseconds));
  const seconds = Number(match?.[2] ?? 0) * 3_600 + Number(match?.[3] ?? 0) * 60 + Number(match?.[4] ?? 0);
  return match?.[1] === '-' ? -seconds : seconds;
}

function resolvedZone(name: string): string | undefined {
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone: name }).resolvedOptions().timeZone;
  } catch {
    return undefined;
  }
}
