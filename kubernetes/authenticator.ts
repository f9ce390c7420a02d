/** What proves to an API server who asks. */
export interface Proof {
  /** Value of the Authorization header; '' for none. */
  readonly authorization: string;
  /** Client certificate and its key, PEM; '' for none. */
  readonly certificate: string;
  readonly key: string;
  /** Milliseconds since 1970 from when on it is not accepted; Infinity when that is not known. */
  readonly expiresAt: number;
}

/** Gives a proof that is valid now. Its errors are one line without secrets. */
export type Authenticator = () => Promise<Proof>;

/** A proof by the Authorization header alone. */
export function headerProof(authorization: string, expiresAt = Infinity): Proof {
  return { authorization, certificate: '', key: '', expiresAt };
}
