# Functions for the scripts that run in the guest. Sourced by init.sh before each of them.

# host NAME ARG...: has the test outside run its handler NAME and prints what that returns. Fails
# when the handler did. Arguments travel as one line, split at spaces on the other side.
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

# serve ARG...: starts the server in the guest, waits for its `ready`, and leaves its output in
# /run/server.log and its process id in $server.
serve() {
  : >/run/server.log
  zerofs_nfs serve "$@" >/run/server.log 2>&1 &
  server=$!
  eventually 20 grep -q '^ready' /run/server.log || { cat /run/server.log; return 1; }
}

# The command under test, run as the user of the script.
zerofs_nfs() { exec_zerofs_nfs "$@"; }
