import { status } from '@grpc/grpc-js';

/** An answer of the driver that is an error; the codes are the specification's, and tell the sidecars whether to ask again. */
export class CsiError extends Error {
  readonly code: status;

  constructor(code: status, message: string) {
    super(message);
    this.code = code;
  }
}

export function notFound(what: string, id: string): CsiError {
  return new CsiError(status.NOT_FOUND, `there is no ${what} ${id}`);
}

export function invalid(message: string): CsiError {
  return new CsiError(status.INVALID_ARGUMENT, message);
}
