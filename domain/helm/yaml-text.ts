import { stringify } from 'yaml';
import type { Json } from '../../contracts/json.ts';
import { isRawNumber } from '../json/lossless.ts';
import { isList } from '../resource/fields.ts';

/**
 * JSON as YAML that Helm reads back as the same values, and that is the same text for the same values: keys are sorted, lines are not folded, and
 * what YAML 1.1 takes for something else than text (`yes`, `1:30`) is quoted, since Helm's reader follows it in part; what only YAML 1.2 takes for something else, too.
 */
export function yamlText(value: Json): string {
  return stringify(asPlain(value), { sortMapEntries: true, lineWidth: 0, version: '1.1', compat: 'core', aliasDuplicateObjects: false });
}

type Plain = null | boolean | number | bigint | string | Plain[] | { [key: string]: Plain };

/** With numbers that YAML's writer knows. */
function asPlain(value: Json): Plain {
  if (isRawNumber(value)) return /^-?\d+$/.test(value.rawJSON) ? BigInt(value.rawJSON) : Number(value.rawJSON);
  if (isList(value)) return value.map(asPlain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).flatMap(([key, child]) => (child === undefined ? [] : [[key, asPlain(child)] as const])));
}
