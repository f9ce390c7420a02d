import { EMPTY_NAME, EVERYTHING, NOTHING, ROOT_TAG } from './restic-command.ts';
import { EMPTY_MESSAGE } from './restic-output.ts';

/**
 * What a mover's pod runs, with restic's arguments as its own. It is restic with a few things around it:
 * - HOLDFAST_OPTIONS: restic's extended options, which hold no spaces, for the commands below.
 * - HOLDFAST_RECOVER: the pod before was killed. Its lock is removed and what it had sent is put into the index, unless other movers are at work.
 * - HOLDFAST_ROOT: for the backup of a folder, whose mode and owners become a tag of the snapshot, whether there is anything in it or not.
 * - HOLDFAST_SNAPSHOT: after a restore this snapshot is looked at. With HOLDFAST_WHOLE the volume's own folder becomes what it was; with
 *   HOLDFAST_COUNT the regular files below that folder are counted, and else the snapshot, of a block device, is shown.
 *
 * restic takes a lock of its own host for left behind when there is no process of its number. The numbers of a pod begin anew, so restic begins
 * behind a hundred others: beyond those that the repair of a later pod of the same name has.
 */
export const POD_SCRIPT = `child=
trap '[ -z "$child" ] || kill -TERM "$child"' TERM INT
if [ -n "$HOLDFAST_RECOVER" ]; then
  restic unlock $HOLDFAST_OPTIONS >/dev/null 2>&1
  restic repair index $HOLDFAST_OPTIONS >/dev/null 2>&1
fi
number=0
while [ "$number" -lt 100 ]; do (:); number=$((number + 1)); done
if [ -n "$HOLDFAST_ROOT" ]; then
  set -- "$@" --tag "${ROOT_TAG}$(stat -c %a:%u:%g .)"
  if [ -n "$(find . -mindepth 1 -maxdepth 1 ! -type s | head -n 1)" ]; then set -- "$@" ${EVERYTHING.join(' ')}; else
    echo '${EMPTY_MESSAGE}'
    set -- "$@" ${NOTHING.join(' ')}
  fi
fi
restic "$@" </dev/null &
child=$!
while :; do
  wait "$child"
  code=$?
  kill -0 "$child" 2>/dev/null || break
done
[ "$code" = 0 ] || exit "$code"
if [ -n "$HOLDFAST_SNAPSHOT" ]; then snapshot=$(restic snapshots --json $HOLDFAST_OPTIONS "$HOLDFAST_SNAPSHOT") || exit; fi
if [ -n "$HOLDFAST_WHOLE" ]; then
  rm -f ${EMPTY_NAME}
  root=$(printf %s "$snapshot" | sed -n 's/.*"${ROOT_TAG}\\([0-7:]*[0-9:]*\\)".*/\\1/p')
  if [ -n "$root" ]; then chown "\${root#*:}" . && chmod "\${root%%:*}" . || exit; fi
fi
if [ -n "$HOLDFAST_COUNT" ]; then
  find "$HOLDFAST_COUNT" -xdev -type f -exec stat -c %s {} + |
    awk '{ files += 1; bytes += $1 } END { printf "{\\"message_type\\":\\"holdfast_count\\",\\"files\\":%d,\\"bytes\\":%.0f}\\n", files, bytes }'
elif [ -n "$HOLDFAST_SNAPSHOT" ]; then
  printf '%s\\n' "$snapshot"
fi
`;
