# Functions for the scripts that run in the guest. init.sh sources this before each of them.

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

# fails COMMAND...: succeeds when the command does not.
fails() {
  if "$@"; then echo "should have failed: $*"; return 1; fi
}

# zerofs_nfs ARG...: the command under test.
zerofs_nfs() { "${ZEROFS_NFS[@]}" "$@"; }

# serve ARG...: starts the server in the guest and waits until it is ready. Leaves its process id in
# $server and what it prints in /run/server.log. With AS=(setpriv ...) it runs under that program.
serve() {
  : >/run/server.log
  "${AS[@]}" "${ZEROFS_NFS[@]}" serve "$@" >/run/server.log 2>&1 &
  server=$!
  eventually 20 grep -q '^ready' /run/server.log || { cat /run/server.log; return 1; }
}
AS=()

# manifest DIR: all there is to know about a tree, one line an entry, in an order of its own, with
# names quoted so that any name makes one line. Contents first: reading them must not change what
# is then listed. Only st_dev is left out: a snapshot is a file system of its own.
manifest() (
  cd "$1"
  find . -type f -print0 | sort -z | xargs -0r sha256sum --
  find . -print0 | sort -z | xargs -0r stat --printf \
    '%i %h %F %a %u:%g size=%s used=%b rdev=%t:%T a=%x m=%y c=%z %N\n' --
)
