#!/bin/sh
# Keeps one server alive for as long as somebody holds a lease, and ends it when nobody does.
#
#   sh keeper.sh LEASES PIDFILE PATIENCE COMMAND [ARGUMENT...]
#
# LEASES is a folder. A file `until-down` in it is valid until it is removed; a file `PID-anything` is valid while the process PID lives and
# has the identity written in the file. PIDFILE is ours: it is there while the server runs, and is called PIDFILE.stopping while it stops.
# PATIENCE is the time in seconds from SIGTERM to SIGKILL.
# Everything is inside functions so that the shell has read the whole file before the first command runs.

# Sets $identity to what tells process $1 from every other process that ever had its number; '' when it is gone or a zombie.
# process-identity.ts computes the same.
identify() {
  identity=
  if [ -r /proc/self/stat ]; then
    { read -r line <"/proc/$1/stat"; } 2>/dev/null || return 0
    # shellcheck disable=SC2086
    set -- ${line##*) }
    case $1 in Z | X) return 0 ;; esac
    shift 19
    identity=$1-$boot
  else
    # shellcheck disable=SC2046
    set -- $(TZ=UTC0 LC_ALL=C ps -o stat=,lstart= -p "$1" 2>/dev/null)
    case ${1-Z} in Z*) return 0 ;; esac
    shift
    identity=$*
  fi
}

leased() {
  [ -e "$leases/until-down" ] && return 0
  for lease in "$leases"/[0-9]*; do
    { read -r owner <"$lease"; } 2>/dev/null || continue
    lease=${lease##*/}
    identify "${lease%%-*}"
    [ -n "$identity" ] && [ "$identity" = "$owner" ] && return 0
  done
  return 1
}

server_lives() {
  identify "$server"
  [ -n "$identity" ] && [ "$identity" = "$server_identity" ]
}

write_pidfile() {
  identify $$
  printf '{"server":{"pid":%s,"identity":"%s"},"keeper":{"pid":%s,"identity":"%s"},"startedAt":"%s"}\n' \
    "$server" "$server_identity" $$ "$identity" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" >"$pidfile.new" &&
    mv -f "$pidfile.new" "$pidfile"
}

stop_server() {
  kill -TERM "$server" 2>/dev/null
  while server_lives; do
    [ "$patience" -eq 0 ] && kill -KILL "$server" 2>/dev/null
    patience=$((patience - 1))
    sleep 1
  done
}

# Without a lease the pidfile is taken away first and the leases are looked at again: whoever adds a lease and still finds the pidfile after
# that can rely on the server.
end_when_unleased() {
  [ -z "$asked" ] && leased && return 0
  mv -f "$pidfile" "$pidfile.stopping" 2>/dev/null
  if [ -z "$asked" ] && leased; then
    mv -f "$pidfile.stopping" "$pidfile"
  else
    stop_server
  fi
}

main() {
  leases=$1 pidfile=$2 patience=$3 asked=
  shift 3
  boot=
  { read -r boot </proc/sys/kernel/random/boot_id; } 2>/dev/null
  trap '' HUP INT
  trap 'asked=yes' TERM
  "$@" &
  server=$!
  identify "$server"
  server_identity=$identity
  write_pidfile || asked=yes
  while server_lives; do
    end_when_unleased
    server_lives && sleep 1
  done
  rm -f "$pidfile" "$pidfile.stopping"
}

main "$@"
exit 0
