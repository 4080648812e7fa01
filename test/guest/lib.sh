# Functions for the scripts that run in the guest. init.sh sources this before each of them.

# A script that stops says where.
set -E
trap 'echo "line $LINENO: failed with $?: $BASH_COMMAND"' ERR

# host NAME ARG...: has the test outside run its handler NAME, waits, and prints what that returns.
# Fails when the handler did. The arguments travel as one line and are split at spaces there.
host() {
  local answer
  printf '\001host %s\n' "$*" >/run/output
  IFS= read -r answer </dev/ttyS0
  [ -z "${answer#* }" ] || printf '%s\n' "${answer#* }"
  [ "${answer%% *}" = ok ]
}

# eventually SECONDS COMMAND...: runs it every tenth of a second until it succeeds.
eventually() {
  local tries=$(($1 * 10))
  shift
  until "$@"; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || { echo "never came true: $*"; return 1; }
    sleep 0.1
  done
}

# fails COMMAND...: succeeds when the command does not. What it says is left in /run/failure.
fails() {
  if "$@" >/run/failure 2>&1; then echo "should have failed: $*"; return 1; fi
}

# same FILE FILE: succeeds when they are equal, and otherwise shows where they are not.
same() { cmp -s "$1" "$2" || { diff "$1" "$2" | head -40; return 1; }; }

# zerofs_nfs ARG...: the command under test.
zerofs_nfs() { "${ZEROFS_NFS[@]}" "$@"; }

# serve ARG...: starts the server in the guest and waits until it is ready. Leaves its process id in
# $server and what it prints in /run/server.log. With AS=(setpriv ...) it runs under that program.
AS=()
serve() {
  : >/run/server.log
  "${AS[@]}" "${ZEROFS_NFS[@]}" serve "$@" >/run/server.log 2>&1 &
  server=$!
  eventually 20 server_speaks
  grep -q '^ready' /run/server.log || { cat /run/server.log; return 1; }
}
server_speaks() { grep -q '^ready' /run/server.log || server_ended; }
server_ended() { ! kill -0 "$server" 2>/dev/null; }

# stop_server: ends it as a service manager would, and fails unless it ends well and in time.
stop_server() {
  kill -TERM "$server"
  eventually 5 server_ended
  wait "$server"
}

# forget_caches: what is read next comes from the server.
forget_caches() {
  sync
  echo 3 >/proc/sys/vm/drop_caches
}

# manifest DIR: all there is to know about a tree, one line an entry, whatever the names are, in an
# order that is always the same. Contents come first: reading them must not change what is listed
# then. Only the device is left out, for a snapshot is a file system of its own.
manifest() (
  cd "$1"
  find . -type f -print0 | LC_ALL=C sort -z | xargs -0r sha256sum --
  find . -print0 | LC_ALL=C sort -z | xargs -0r stat --printf \
    '%i %h %F %a %u:%g size=%s used=%b rdev=%t:%T a=%x m=%y c=%z %N\n' --
)

# without_ctime: a manifest as it may come back from a restore, which moves ctime and inode numbers.
without_ctime() { sed -E 's/ c=[0-9: .+-]{35} / /; s/^[0-9]+ ([0-9]+ [a-z])/\1/'; }

# package NAME...: a tar file of npm packages as they are installed, in /run/packages.tar.
package() { tar -C "$PROJECT/node_modules" -cf /run/packages.tar "$@"; }
