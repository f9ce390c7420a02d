import type { Json, JsonObject } from '../../contracts/json.ts';

/*
 * V8 from 12.8 on (Node 24 and 26) may read a key that is written with an escape as another key (nodejs/node#63785): once any object has
 * had a key that contains a backslash, `JSON.parse` can answer `\` where the text says `\n`. The wrong key always contains a backslash, so
 * a result without such a key is right; a result with one is read again here. Keys like `k:{"name":"web"}` in every managedFields make
 * escaped keys common, keys with a backslash are rare.
 */

/** Finds every text that has a key with an escape; may find others. */
const ESCAPED_KEY = /[{,]\s*"[^"\\]*\\/;
const TOKEN = /[\s,:]*("[^"\\]*(?:\\.[^"\\]*)*"|[[\]{}]|[^\s,:[\]{}"]+)/y;

/** Whether a value that `JSON.parse` made from `text` may have a wrong key. */
export function mayHaveWrongKey(text: string, value: Json): boolean {
  return text.includes('\\') && ESCAPED_KEY.test(text) && hasBackslashInKey(value);
}

function hasBackslashInKey(value: Json): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return value.some((item: Json) => hasBackslashInKey(item));
  return Object.entries(value as JsonObject).some(([key, item]) => key.includes('\\') || (item !== undefined && hasBackslashInKey(item)));
}

/** Reads JSON that `JSON.parse` has accepted, each number through `readNumber`. */
export function parseTokens(text: string, readNumber: (token: string) => Json): Json {
  const tokens = new RegExp(TOKEN);
  const next = (): string => tokens.exec(text)?.[1] ?? ']';
  const valueOf = (token: string): Json => {
    if (token === '{') return readObject();
    if (token === '[') return readArray();
    return /^[-\d]/.test(token) ? readNumber(token) : (JSON.parse(token) as Json);
  };
  const readArray = (): Json => {
    const items: Json[] = [];
    for (let token = next(); token !== ']'; token = next()) items.push(valueOf(token));
    return items;
  };
  const readObject = (): Json => {
    const entries: [string, Json][] = [];
    for (let token = next(); token !== '}'; token = next()) entries.push([JSON.parse(token) as string, valueOf(next())]);
    // Defines properties, so that `__proto__` is one like any other.
    return Object.fromEntries(entries);
  };
  return valueOf(next());
}
