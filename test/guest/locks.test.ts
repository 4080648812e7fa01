/** Locks of the kernel's client, with the default mount options, by itself and against others. */
import { suite } from 'uvu'
import { inGuest, scenario } from './scenario.ts'

const test = suite('guest: locks')

/**
 * `hold MOUNT MODE SECONDS`: takes a lock of its file `f` and keeps it, in the background. `taken`
 * says that nobody gets it by a mount at once, `free` that somebody does.
 *
 * A program that is started while a shell has a lock inherits it, so locks are held by processes of
 * their own.
 */
const LIB = `
  hold() { flock "-$2" -F "$1/f" sleep "$3" & holder=$!; eventually 10 fails flock -n -x "$1/f" true; }
  taken() { fails flock -n -x "$1/f" true; }
  free() { flock -n -x "$1/f" true; }
  seconds() { cut -d. -f1 /proc/uptime; }
`

/** Two mounts of one kernel by two addresses are two clients to it, and to the server. */
const TWO_MOUNTS = `
  mkdir /run/b
  mount -t nfs localhost:/ /mnt
  mount -t nfs 127.0.0.1:/ /run/b
  test "$(grep -c 'local_lock=none' /proc/mounts)" = 2
  touch /mnt/f
`

const EXCLUDE = `
  hold /mnt x 4
  taken /mnt
  taken /run/b
  before=$(seconds)
  # Whoever waits is told at once: by itself the client would ask again after 30 seconds.
  flock -x /run/b/f true
  test $(($(seconds) - before)) -lt 20
  wait $holder
  hold /mnt s 3
  flock -n -s /run/b/f true
  taken /run/b
  wait $holder
`

/** Whoever gives up waiting is not given the lock; what cannot change is locked for reading. */
const MORE = `
  hold /mnt x 1000
  flock -x -F /run/b/f sleep 1001 & waiter=$!
  sleep 1
  kill $waiter
  wait $waiter || true
  kill $holder
  eventually 20 free /run/b
  mkdir /mnt/.snapshots/one
  flock -n -s /mnt/.snapshots/one/f true
  taken /mnt/.snapshots/one
`

const RESTART = `
  server_gone() { ! kill -0 $server 2>/dev/null; }
  for end in KILL TERM; do
    hold /mnt x 1000
    kill -$end $server
    eventually 5 server_gone
    serve /srv/data --grace 5
    # What its client had not reclaimed would be free now.
    sleep 7
    taken /run/b
    kill $holder
    eventually 5 free /run/b
  done
`

scenario(test, 'exclude between processes and mounts, and outlive the server', async () => {
  await inGuest({
    script: `
      ${LIB}
      serve /srv/data
      ${TWO_MOUNTS}
      ${EXCLUDE}
      ${MORE}
      ${RESTART}
      umount /mnt/.snapshots/one
      umount /mnt /run/b
      stop_server
      zerofs_nfs check --data /srv/data
    `,
  })
})

scenario(test, "the same beside the system's rpcbind and rpc.statd", async () => {
  await inGuest({
    script: `
      ${LIB}
      rpcbind -w
      rpc.statd --no-notify
      serve /srv/data
      grep -q "system's portmapper" /run/server.log
      # By one address only: rpc.statd takes both for one host, and tells the kernel of one of them.
      mount -t nfs localhost:/ /mnt
      touch /mnt/f
      hold /mnt x 1000
      kill -KILL $server
      server_gone() { ! kill -0 $server 2>/dev/null; }
      eventually 5 server_gone
      serve /srv/data --grace 8
      sleep 10
      mkdir /run/b
      mount -t nfs 127.0.0.1:/ /run/b
      taken /run/b
      kill $holder
      eventually 10 free /run/b
      ${EXCLUDE}
      umount /mnt /run/b
      stop_server
    `,
  })
})

scenario(
  test,
  'a lock right after each mount, where rpcbind runs and rpc.statd does not',
  async () => {
    await inGuest({
      script: `
      rpcbind -w
      serve /srv/data
      registered() { rpcinfo -p 127.0.0.1 | grep -Eq "$1"; }
      for i in 1 2 3; do
        mount -t nfs localhost:/ /mnt
        timeout 20 flock -x /mnt/f true
        umount /mnt
      done
      # The kernel's lock manager has gone and taken ours along: it comes back.
      eventually 15 registered '100021 +4 +tcp +2049'
      mount -t nfs localhost:/ /mnt
      flock -x /mnt/f true
      stop_server
      # The kernel's is where it was.
      registered '100021 +4'
      fails registered '100021 .* 2049|100024'
    `,
    })
  },
)

scenario(test, 'a counter kept under a lock is exact, though the server is killed', async () => {
  await inGuest({
    script: `
      ${LIB}
      serve /srv/data
      ${TWO_MOUNTS}
      echo 0 >/mnt/n
      count() {
        for i in $(seq 40); do
          flock -x $1/f sh -c 'n=$(cat $0/n); echo $((n + 1)) >$0/n; sync $0/n' $1
        done
      }
      for round in 1 2; do
        count /mnt & first=$!
        count /run/b & second=$!
        sleep 1
        kill -KILL $server
        sleep 0.5
        serve /srv/data
        wait $first
        wait $second
      done
      test "$(cat /mnt/n)" = 160
      umount /mnt /run/b
      stop_server
      zerofs_nfs check --data /srv/data
    `,
  })
})

/**
 * A machine of its own, as far as locks go: `other COMMAND...` runs in a network namespace, at
 * 10.1.0.2, with the kernel's lock manager, an rpcbind and an rpc.statd that it shares with nobody.
 */
const OTHER = `
  modprobe veth
  ip netns add other
  ip link add v0 type veth peer name v1
  ip link set v1 netns other
  ip address add 10.1.0.1/30 dev v0
  ip link set v0 up
  ip netns exec other ip address add 10.1.0.2/30 dev v1
  ip netns exec other ip link set v1 up
  ip netns exec other ip link set lo up
  echo '10.1.0.2 other' >>/etc/hosts
  mount --make-private /run
  touch /run/mntns
  unshare --mount=/run/mntns --propagation private true
  other() { nsenter --net=/run/netns/other --mount=/run/mntns "$@"; }
  other mount -t tmpfs tmpfs /var/lib/nfs
  other mkdir -p /var/lib/nfs/sm /var/lib/nfs/sm.bak
  other chown -R statd /var/lib/nfs
  other mount -t tmpfs tmpfs /run
  other mkdir -p /run/rpcbind /run/sendsigs.omit.d /run/lock /run/o
  other rpcbind -w
  other rpc.statd --no-notify
`

const TWO_MACHINES = `
  listen=(--listen 10.1.0.1 --listen 127.0.0.1)
  serve /srv/data "\${listen[@]}"
  mount -t nfs localhost:/ /mnt
  touch /mnt/f
  chmod 666 /mnt/f
  other mount -t nfs 10.1.0.1:/ /run/o
  hold /mnt x 4
  fails other flock -n -x /run/o/f true
  before=$(seconds)
  other flock -x /run/o/f true
  test $(($(seconds) - before)) -lt 20
  wait $holder

  other flock -x -F /run/o/f sleep 4 & holder=$!
  eventually 5 taken /mnt
  before=$(seconds)
  flock -x /mnt/f true
  test $(($(seconds) - before)) -lt 20
  wait $holder

  other flock -x -F /run/o/f sleep 1000 & holder=$!
  eventually 5 taken /mnt
  kill -KILL $server
  server_gone() { ! kill -0 $server 2>/dev/null; }
  eventually 5 server_gone
  serve /srv/data "\${listen[@]}" --grace 8
  sleep 10
  taken /mnt

  # As at the start of a machine that went down with its lock.
  other rm -f /run/sm-notify.pid
  other sm-notify -f
  eventually 10 free /mnt
`

const APART = 'two machines exclude each other; one reclaims, and frees when it restarts'

scenario(test, APART, async () => {
  await inGuest({ script: `${LIB}${OTHER}${TWO_MACHINES}` })
})

scenario(test, `${APART}, by way of rpc.statd`, async () => {
  await inGuest({
    script: `
      ${LIB}
      ${OTHER}
      rpcbind -w
      rpc.statd --no-notify
      ${TWO_MACHINES}
    `,
  })
})

test.run()
