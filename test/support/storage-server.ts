import type { ObjectStore } from '../../storage/object-store.ts';
import type { Location } from '../../workers/configuration.ts';
import type { Fault } from './fault-rules.ts';
import type { Stoppable } from './sandbox-env.ts';

/** How a location is reached: its URL and the settings that go with it. */
export type LocationAccess = Pick<Location, 'url'> & Partial<Location>;

/** A storage server that a proxy can stand in front of, and what servers of its kind say when they refuse. */
export interface StorageServer extends Stoppable {
  readonly scheme: 's3' | 'gs' | 'azblob';
  /** `http://host:port`, without any path. */
  readonly origin: string;
  /** Method of the requests that write. */
  readonly writes: 'PUT' | 'POST';
  readonly says: Refusals;
  /** A location of that name, reached through another origin. */
  access(name: string, origin: string): LocationAccess;
  /** The same place without retries, straight at the server unless an origin is given. */
  open(name: string, origin?: string): ObjectStore;
}

/** Answers in the words of one kind of store. */
export interface Refusals {
  /** Throttled: come again in a second. */
  readonly slowDown: Fault;
  readonly forbidden: Fault;
  /** Credentials that were good before. */
  readonly expired: Fault;
  /** No such bucket. */
  readonly gone: Fault;
}

/** Every server has one bucket, in which each location is a folder. */
export const BUCKET = 'backups';
