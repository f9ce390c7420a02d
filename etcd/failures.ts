import { FailureType, HoldfastError } from '../contracts/failures.ts';

/** What OpenSSL and Node say when certificates do not fit; grpc reports it as an endpoint that cannot be reached. */
const CERTIFICATE = /\balert\b|certificate|self.signed|SSL routines|altname|wrong version number/i;
const REFUSED = /PERMISSION_DENIED|UNAUTHENTICATED|permission denied|authentication failed|invalid auth|user name (is empty|not found)/i;

/** One line about a call that failed, by grpc's status and what is in its text. Never holds a key or a password. */
export function etcdFailure(endpoint: string, error: unknown): HoldfastError {
  if (error instanceof HoldfastError) return error;
  const text = error instanceof Error ? error.message : String(error);
  if (CERTIFICATE.test(text)) {
    return new HoldfastError(FailureType.Forbidden, `etcd ${endpoint}: ${certificateProblem(text)}`, {
      advice: "give the certificates of this etcd's clients with --cacert, --cert and --key",
      cause: error,
    });
  }
  if (REFUSED.test(text)) {
    return new HoldfastError(FailureType.Forbidden, `etcd ${endpoint}: it refuses: ${plain(text)}`, {
      advice: 'a snapshot needs the user root, or a client certificate with that name, where etcd has users',
      cause: error,
    });
  }
  return new HoldfastError(FailureType.Unavailable, `etcd ${endpoint}: ${plain(text)}`, {
    advice: 'see that the member runs and that the endpoint is one for clients',
    cause: error,
  });
}

function certificateProblem(text: string): string {
  if (/alert/i.test(text)) return `it does not accept our certificate (${/alert ([a-z ]+)/.exec(text)?.[1]?.trim() ?? 'alert'})`;
  if (/wrong version number/i.test(text)) return 'it does not speak TLS';
  if (/key values mismatch/i.test(text)) return 'our certificate and our key do not belong together';
  return `its certificate is not trusted (${plain(text)})`;
}

/** The reason alone, without grpc's wrapping and OpenSSL's source lines. */
function plain(text: string): string {
  const reason = text
    .split('\n', 1)[0]
    ?.replace(/^\d+ [A-Z_]+: /, '')
    .replace(/^No connection established\. Last error: (Error: )?/, '')
    .replace(/\. Resolution note:.*$/, '')
    .replace(/ \(\d{4}-\d\d-\d\dT[^)]*\)$/, '')
    .replace(/; if the root CA is installed locally.*$/, '')
    .trim();
  if (reason === undefined || reason === '') return 'it does not answer';
  return /deadline exceeded/i.test(reason) ? 'it does not answer in time' : reason;
}
