import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { Json, JsonObject } from '../contracts/json.ts';
import { parseLossless } from '../domain/json/lossless.ts';

/** The Kubernetes objects of a folder of YAML files, in the order of the files' names. Whole numbers keep all their digits. */
export async function readProject(folder: string): Promise<readonly JsonObject[]> {
  const files = (await readdir(folder)).filter((name) => name.endsWith('.yaml')).sort();
  const texts = await Promise.all(files.map((name) => readFile(join(folder, name), 'utf8')));
  return texts.flatMap((text) => parseAllDocuments(text, { intAsBigInt: true })).map((document) => toJson(document.toJS()) as JsonObject);
}

function toJson(value: unknown): Json {
  if (typeof value === 'bigint') return parseLossless(value.toString());
  if (Array.isArray(value)) return value.map(toJson);
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toJson(item)]));
  }
  return value as Json;
}
