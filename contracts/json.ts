/**
 * JSON as Kubernetes speaks it. A number that a JavaScript double cannot carry unchanged (64-bit integers, `1.0`) is held as a
 * `RawNumber`, which `JSON.stringify` writes out exactly as it was read.
 */
export type Json = null | boolean | number | string | RawNumber | readonly Json[] | JsonObject;

export interface JsonObject {
  readonly [key: string]: Json | undefined;
}

/** What `JSON.rawJSON()` returns: a frozen object without a prototype. Compare by `rawJSON`. */
export interface RawNumber {
  readonly rawJSON: string;
}
