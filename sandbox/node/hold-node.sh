#!/bin/sh
# Holds the namespaces of a sandbox's node for as long as it runs, and takes away what the node has made outside of them when it ends.
#
#   sh hold-node.sh hold|clean
#
# FOLDER (the node's), LINK (the name of its network link), HOST_ADDRESS, NODE_ADDRESS, POD_SUBNET, CGROUP, API_SERVER_PORT and KEEP are in
# the environment; init-node.sh reads them too. `clean` is for what a holder that was killed has left behind.
#
# Processes, mounts and the network are in namespaces whose first process is init-node.sh. When that dies, for whatever reason, the kernel
# ends every process in them and takes the mounts and the network with it; it dies with `unshare`, and `unshare` with us. Left are the
# control groups and one firewall rule, and those are `clean`'s.
# Everything is inside functions so that the shell has read the whole file before the first command runs.

# Pods reach the servers on this machine's 127.0.0.1 at HOST_ADDRESS, at every port.
loopback_rule() {
  iptables -w 10 -t nat "$1" PREROUTING -i "$LINK" -d "$HOST_ADDRESS" -p tcp -j DNAT --to-destination 127.0.0.1
}

connect_node() {
  ip link add "$LINK" type veth peer name eth0 netns "$1" &&
    ip link set "$LINK" alias "$FOLDER" &&
    echo 1 >"/proc/sys/net/ipv4/conf/$LINK/route_localnet" &&
    ip address add "$HOST_ADDRESS/30" dev "$LINK" &&
    ip link set "$LINK" up &&
    ip route add "$POD_SUBNET" via "$NODE_ADDRESS" &&
    loopback_rule -A
}

# kubelet wants it to be there. Of control groups of the first version there are many hierarchies. Of the second there is one, whose groups
# have the controllers that the group above hands down; container runtimes switch them on just so, and leave them on.
make_cgroups() {
  if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    for controller in $(cat /sys/fs/cgroup/cgroup.controllers); do
      { echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control; } 2>/dev/null
    done
    mkdir -p "/sys/fs/cgroup/$CGROUP"
  else
    for hierarchy in /sys/fs/cgroup/*/; do mkdir -p "$hierarchy$CGROUP"; done
  fi
}

# A volume that is a device is a loop device over a file, and those know no namespaces. kubelet has one of its own over each.
release_devices() {
  for image in "$FOLDER"/data/csi/volumes/*/content; do
    [ -f "$image" ] || continue
    for device in $(losetup --associated "$image" --noheadings --output NAME); do
      for above in $(losetup --associated "$device" --noheadings --output NAME); do losetup --detach "$above"; done
      losetup --detach "$device"
    done
  done
}

# Only what is ours: another sandbox may have taken a name that we gave up.
clean() {
  rm -f "$FOLDER/init.json" "$FOLDER/init.json.new"
  release_devices
  { read -r owner <"/sys/class/net/$LINK/ifalias"; } 2>/dev/null && [ "$owner" != "$FOLDER" ] && return 0
  ip link delete "$LINK" 2>/dev/null
  while loopback_rule -D 2>/dev/null; do :; done
  for hierarchy in /sys/fs/cgroup /sys/fs/cgroup/*; do
    [ -d "$hierarchy/$CGROUP" ] && find "$hierarchy/$CGROUP" -depth -type d -exec rmdir {} \;
  done
  return 0
}

hold() {
  trap 'kill -KILL "$init" 2>/dev/null; asked=yes' TERM
  asked='' init=''
  rm -f "$FOLDER/init.json" "$FOLDER/init.json.new"
  make_cgroups
  setpriv --pdeathsig KILL unshare --net --mount --pid --propagation private --fork --kill-child=KILL sh "$here/init-node.sh" &
  unshare=$!
  until [ -s "$FOLDER/init.json.new" ]; do
    kill -0 "$unshare" 2>/dev/null || break
    [ -n "$asked" ] && kill -KILL "$unshare"
    sleep 0.05
  done
  init=$(sed 's/^{"pid":\([0-9]*\),.*/\1/' "$FOLDER/init.json.new")
  { [ -z "$asked" ] && connect_node "$init"; } || kill -KILL "$init"
  # A signal ends `wait` early, and the namespaces are gone only when `unshare` is.
  while kill -0 "$unshare" 2>/dev/null; do wait "$unshare"; done
  clean
}

here=$(dirname "$0")
case $1 in hold) hold ;; clean) clean ;; esac
exit 0
