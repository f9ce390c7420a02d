#!/bin/sh
# The first process in the namespaces of a sandbox's node: makes them a machine of its own, and then waits to be killed. hold-node.sh starts
# it and says what is in the environment; KEEP is a list of folders, one a line, that must stay visible.
# Everything is inside functions so that the shell has read the whole file before the first command runs.

# Says who we are to those outside, who know processes by number, start and boot; process-identity.ts computes the same. /proc is still
# theirs. The file gets its name when the node is complete.
introduce() {
  read -r line </proc/self/stat
  read -r boot </proc/sys/kernel/random/boot_id
  pid=${line%% *}
  # shellcheck disable=SC2086
  set -- ${line##*) }
  shift 19
  printf '{"pid":%s,"identity":"%s-%s"}\n' "$pid" "$1" "$boot" >"$FOLDER/init.json.new.part"
  mv "$FOLDER/init.json.new.part" "$FOLDER/init.json.new"
}

# The node's programs write to fixed places. There they find folders of the node: memory, or what must survive a restart of it. What KEEP
# names is brought back where these would hide it.
own_folders() {
  mount -t tmpfs -o size=1m tmpfs /mnt
  echo "$KEEP" | while read -r keep; do
    mkdir -p "/mnt/$keep" && mount --bind "$keep" "/mnt/$keep"
  done
  for hidden in /run /var/lib /var/log; do mount -t tmpfs -o mode=755 tmpfs "$hidden"; done
  echo "$KEEP" | while read -r keep; do
    [ -e "$keep" ] || { mkdir -p "$keep" && mount --bind "/mnt/$keep" "$keep"; }
  done
  umount --recursive /mnt
  for kept in lib/kubelet lib/containerd log/pods; do
    mkdir -p "/var/$kept" "$FOLDER/data/$kept" && mount --bind "$FOLDER/data/$kept" "/var/$kept"
  done
}

# kubelet would set these for the whole machine, and nobody would set them back. It finds them as it wants them.
pretend() {
  mkdir -p /run/kernel-settings
  while read -r setting value; do
    [ -e "/proc/sys/$setting" ] || continue
    file=/run/kernel-settings/$(basename "$setting")
    echo "$value" >"$file"
    mount --bind "$file" "/proc/sys/$setting"
  done <<END
vm/overcommit_memory 1
vm/panic_on_oom 0
kernel/panic 10
kernel/panic_on_oops 1
kernel/keys/root_maxkeys 1000000
kernel/keys/root_maxbytes 25000000
END
}

# There is no kube-proxy: of the services' addresses, only the API server's leads somewhere.
join_network() {
  until ip link show eth0 >/dev/null 2>&1; do sleep 0.05; done
  ip link set lo up
  ip address add "$NODE_ADDRESS/30" dev eth0
  ip link set eth0 up
  ip route add default via "$HOST_ADDRESS"
  echo 1 >/proc/sys/net/ipv4/ip_forward
  for chain in PREROUTING OUTPUT; do
    iptables -w 10 -t nat -A "$chain" -d 10.96.0.1 -p tcp --dport 443 -j DNAT --to-destination "$HOST_ADDRESS:$API_SERVER_PORT"
  done
}

main() {
  set -e
  introduce
  own_folders
  mount -t proc proc /proc
  pretend
  join_network
  mount --make-rshared /
  mv "$FOLDER/init.json.new" "$FOLDER/init.json"
  set +e
  # `wait` also takes the exit codes of the orphans that are given to us.
  while :; do
    sleep 3600 &
    wait $!
  done
}

main
