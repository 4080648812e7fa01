#!/bin/bash
# Pid 1 of the guest. It is started twice: by the kernel on the host's root directory, which it
# covers with an overlay in memory, and then inside that overlay, where the script of the test runs.
#
# Beside this file, in a directory made for this one guest, lie: env (what the launcher tells, as
# shell assignments), lib.sh (functions for scripts) and script (what to run).
#
# The first serial line carries the script's output to the launcher, and messages: a message is a
# byte 0x01, its text, and a newline. `exit N` is the last one; see `host` in lib.sh for the others.
# When anything here fails, pid 1 ends, the kernel panics, and the launcher shows its console.
set -eu
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C TERM=dumb
GUEST_DIR=${0%/*}

enter_overlay() {
  mount -n -t proc proc /proc
  insmod "/usr/lib/uml/modules/$(uname -r)/kernel/fs/overlayfs/overlay.ko"
  mount -t tmpfs -o size=90% tmpfs /mnt
  mkdir /mnt/upper /mnt/work /mnt/root
  mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/root
  cd /mnt/root
  mount -t proc proc proc
  mount -t sysfs sysfs sys
  mount -t devtmpfs devtmpfs dev
  mkdir -p dev/pts dev/shm lib/modules
  mount -t devpts devpts dev/pts
  ln -s /proc/self/fd dev/fd
  local memory
  for memory in dev/shm run mnt; do mount -t tmpfs tmpfs "$memory"; done
  # Every program finds its kernel modules where it expects them, and no others.
  mount --bind /usr/lib/uml/modules lib/modules
  exec chroot . "$0" inside
}

prepare() {
  local share
  for share in "${SHARES[@]}"; do mount -t hostfs -o "$share" none "$share"; done
  modprobe -a ipv6 nfsv3 nfsv4
  hostname guest
  # No resolver: rpc.statd looks up every peer, and would wait for one.
  printf '%s\n' '127.0.0.1 localhost' '::1 localhost' "$SERVER_ADDRESS server" >/etc/hosts
  rm -f /etc/resolv.conf
  : >/etc/resolv.conf
  ip link set lo up
  if [ -n "$GUEST_ADDRESS" ]; then
    ip address add "$GUEST_ADDRESS/30" dev vec0
    ip link set vec0 up
  fi
  # What packages and boot scripts of a Debian system would have made for rpcbind and rpc.statd.
  rm -rf /var/lib/nfs/sm /var/lib/nfs/sm.bak
  mkdir -p /run/rpcbind /run/sendsigs.omit.d /run/lock /var/lib/nfs/sm /var/lib/nfs/sm.bak
  chown -R statd /var/lib/nfs
}

[ "${1-}" = inside ] || enter_overlay

. "$GUEST_DIR/env"
prepare
stty -F /dev/ttyS0 raw -echo
mkfifo /run/output
# The script writes to a pipe, not to a terminal. Through one pipe its output, its messages and the
# last word keep their order, and daemons that it leaves behind cannot delay the end.
cat /run/output >/dev/ttyS0 &
exec 9>/run/output
code=0
cd "$GUEST_DIR"
bash -eu -o pipefail -c '. ./env; . ./lib.sh; . ./script' </dev/null >&9 2>&1 9>&- || code=$?
for share in "${SHARES[@]}"; do timeout 10 sync -f "$share" || true; done
printf '\001exit %s\n' "$code" >&9
# The launcher ends the guest now. A plain end of pid 1 would be a panic in its console.
while :; do sleep 1; done
