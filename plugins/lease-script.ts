/**
 * A lease inside of a container: `undo` runs when nobody has renewed it in time, whatever has become of us, of the API server and of the
 * kubelet. Needs a POSIX shell, `sleep`, `mv`, `rm` and /proc; time is the node's uptime, which no clock change moves.
 *
 * The token is a file in memory (/dev/shm, else /tmp), which holds when it was renewed last. A token that is removed ends the watch without
 * `undo`: whoever removes it has undone it.
 */
interface LeaseNames {
  /** Unique among all leases of the container: letters, digits, `-`. */
  readonly token: string;
  readonly seconds: number;
}

export const LEASE_LOST = 70;

/** Reads the uptime in seconds, and the place of tokens. */
const COMMON = `
uptime() { read -r up rest < /proc/uptime; echo "\${up%%.*}"; }
folder=/dev/shm; [ -d "$folder" ] && [ -w "$folder" ] || folder=/tmp
renew() { uptime > "$token.new" && mv "$token.new" "$token"; }
`;

/**
 * The shell command that takes the lease, or renews it when it is held, and then runs `act`. Exit code 0 when `act` succeeded; otherwise it is
 * that of `act`, which has undone what it did, and the lease is given back. `check` runs before anything; it may exit, and shift the words.
 * The scripts see `words` as $1, $2, ..., the folder of the token as `$folder`, and `act` sees in `$held` whether the lease was held (1 or 0).
 */
export function takeLease(
  { token, seconds }: LeaseNames,
  { check, act, undo }: { readonly check: string; readonly act: string; readonly undo: string },
  words: readonly string[],
): readonly string[] {
  const script = `${begin(token)}
undo() { ${undo}
}
act() { ${act}
}
${check}
held=0
if [ -e "$token" ]; then held=1; fi
renew || { echo "no lease can be kept in $folder" >&2; exit 71; }
if [ "$held" = 0 ]; then
  (
    trap '' HUP INT TERM
    while sleep 1; do
      read -r last < "$token" || exit 0
      [ $(( $(uptime) - last )) -lt ${seconds} ] || break
    done
    undo "$@"; rm -f "$token"
  ) < /dev/null > /dev/null 2>&1 &
fi
act "$@"; code=$?
[ "$code" = 0 ] || rm -f "$token"
exit "$code"
`;
  return ['sh', '-c', script, 'holdfast', ...words];
}

/** The shell command that renews the lease; exit code 70 (`LEASE_LOST`) when it is not held any more. */
export function renewLease({ token }: LeaseNames): readonly string[] {
  return ['sh', '-c', `${begin(token)}\n[ -e "$token" ] || exit ${LEASE_LOST}\nrenew\n`, 'holdfast'];
}

/**
 * The shell command that runs `undo` and gives the lease back. Its exit code is that of `undo`, or 70 (`LEASE_LOST`) when the lease was not held
 * any more: with `always`, `undo` has run then too, unless there is a lease of somebody else (a watch dies with its container, and what it was
 * to undo may outlive it).
 */
export function dropLease(
  { token }: LeaseNames,
  { undo, always }: { readonly undo: string; readonly always: boolean },
  words: readonly string[],
): readonly string[] {
  const script = `${begin(token)}
undo() { ${undo}
}
if [ ! -e "$token" ]; then
  for other in "$folder"/holdfast-*; do if [ -e "$other" ]; then exit ${LEASE_LOST}; fi; done
  ${always ? 'undo "$@" > /dev/null 2>&1' : ':'}
  exit ${LEASE_LOST}
fi
undo "$@"; code=$?
rm -f "$token" "$token.new"
exit "$code"
`;
  return ['sh', '-c', script, 'holdfast', ...words];
}

/** A task's token, from its run and id. */
export function leaseToken(run: string, id: string): string {
  return `${run}-${id}`.replace(/[^A-Za-z0-9-]/g, '-').slice(0, 200);
}

function begin(token: string): string {
  return `set -u\n${COMMON}token=$folder/holdfast-${token}`;
}
