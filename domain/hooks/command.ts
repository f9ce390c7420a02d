import { parseLossless } from '../json/lossless.ts';
import { isList } from '../resource/fields.ts';

/** The words of a command in an annotation: a JSON list of strings, or else one word: no shell splits it. */
export function parseCommand(text: string): readonly string[] {
  if (!text.startsWith('[')) return [text];
  try {
    const list = parseLossless(text);
    if (isList(list) && list.every((word) => typeof word === 'string')) return list;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  return [text];
}
