import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import { type HostNet, withNet } from './net.ts'
import { inGuest, scenario } from './scenario.ts'
import { type HostServer, withHostServer, zerofsNfs } from './server.ts'
import { withTempDir } from './tempdir.ts'

const test = suite('guest: a server that comes and goes')

/**
 * A server on this machine, and a guest that mounts it from another address and runs `script`,
 * which may say `host stop SIGNAL`, `host start`, `host check` and `host snapshot NAME`.
 */
async function withServer(script: string): Promise<void> {
  await withTempDir(async (dir) => {
    const data = join(dir, 'data')
    mkdirSync(data)
    await letEveryoneWrite(data)
    await withNet((net) => withHostServer(net, data, (server) => work(net, server, data, script)))
  })
}

/** Root is nobody to a server that it reaches by its network, but not to one on its own machine. */
async function letEveryoneWrite(data: string): Promise<void> {
  await inGuest({
    shares: [data],
    script: `
      serve ${data}
      mount -t nfs -o nolock localhost:/ /mnt
      chmod 1777 /mnt
      umount /mnt
      stop_server
    `,
  })
}

async function work(net: HostNet, server: HostServer, data: string, script: string): Promise<void> {
  await inGuest({
    net,
    script: `
      mount -t nfs -o nolock server:/ /mnt
      cd /mnt
      dd if=/dev/urandom of=/run/random bs=1M count=32 status=none
      ${script}
    `,
    on: {
      stop: (signal) => server.stop(signal === 'SIGKILL' ? signal : 'SIGTERM'),
      start: () => server.start(),
      check: () => zerofsNfs('check', '--data', data),
      snapshot: (name = '') => zerofsNfs('snapshot', 'create', name, '--data', data),
    },
  })
}

scenario(test, 'open files go on where they were when the server stops and starts', async () => {
  await withServer(`
    mkdir -p a/b
    exec 5>>a/b/log 6<a/b/log
    cd a/b
    for word in one two three; do
      echo $word >&5
      sync log
      host stop SIGTERM
      host check
      host start
      read -r read <&6
      test "$read" = $word
      mv log log.$word
      mv log.$word log
    done
    forget_caches
    test "$(cat log | tr '\\n' ' ')" = 'one two three '
  `)
})

scenario(test, 'what was synced before the server was killed is there afterwards', async () => {
  await withServer(`
    mkdir -p many
    for i in 1 2 3; do
      dd if=/run/random of=large bs=1M conv=fsync status=none
      seq $i 200 >small
      sync small
      (cd many && seq -f "$i-%g" 200 | xargs touch)
      ln -f small link
      host stop SIGKILL
      host check
      host start
      cd /
      umount -f -l /mnt
      mount -t nfs -o nolock server:/ /mnt
      cd /mnt
      cmp large /run/random
      seq $i 200 | cmp - small
      test "$(stat -c %h link)" = 2
      test "$(ls many | wc -l)" = $((i * 200))
    done
  `)
})

scenario(
  test,
  'a copy that is under way when the server is killed is whole in the end',
  async () => {
    await withServer(`
    # Not in a directory of the mount: bash itself would wait for the server there.
    cd /
    for i in 1 2 3; do
      (cp /run/random /mnt/copy.$i && sync /mnt/copy.$i) &
      eventually 10 test -s /mnt/copy.$i
      host stop SIGKILL
      sleep 1
      host start
      wait $!
      forget_caches
      cmp /mnt/copy.$i /run/random
    done
  `)
  },
)

/**
 * `lose NAME`: writes a file whose data the server has taken, but was not told to keep, and
 * syncs it once /run/go is there. That takes a mount with `write=eager`,
 * which sends data at once and no COMMIT behind it, and a wsize below what is written, so that no
 * WRITE is FILE_SYNC. A process started meanwhile would close the file, and so commit it.
 */
const LOSE = `
  cat >/run/lose.pl <<'END'
    use strict; use IO::Handle;
    open my $random, '<', '/run/random' or die $!;
    open my $file, '>', $ARGV[0] or die $!;
    for (1 .. 16) {
      sysread($random, my $data, 1 << 20) == 1 << 20 or die $!;
      syswrite($file, $data) == 1 << 20 or die "write: $!";
    }
    select undef, undef, undef, 0.1 until -e '/run/go';
    $file->sync or die "fsync: $!";
    close $file or die "close: $!";
END
  lose() { perl /run/lose.pl "$@"; }
  # Writes that were answered so far.
  writes() { awk '$1 == "WRITE:" { n += $2 } END { print n }' /proc/self/mountstats; }
  taken() { test "$(writes)" -ge 64; }
`

scenario(test, 'data that a killed server had only in memory is written again', async () => {
  await withServer(`
    ${LOSE}
    cd /
    umount /mnt
    mount -t nfs -o nolock,write=eager,wsize=262144 server:/ /mnt
    cd /mnt
    lose file &
    eventually 30 taken
    host stop SIGKILL
    before=$(writes)
    host check
    host start
    touch /run/go
    wait $!
    again=$(($(writes) - before))
    echo "$before writes before, $again again"
    test $again -ge 64
    forget_caches
    cmp file <(head -c 16M /run/random)
  `)
})

scenario(test, 'a reader waits for a server that is away, and gets what it asked for', async () => {
  await withServer(`
    cd /
    cp /run/random /mnt/file
    forget_caches
    host stop SIGTERM
    cmp /mnt/file /run/random &
    sleep 2
    kill -0 $!
    host start
    wait $!
  `)
})

scenario(test, 'snapshots and their open files outlive a restart', async () => {
  await withServer(`
    mkdir tree
    cp /run/random tree/large
    echo then >tree/small
    forget_caches
    manifest tree >/run/before
    host snapshot one
    exec 5<tree/.snapshots/one/small
    echo now >tree/small
    rm tree/large
    sync
    host stop SIGKILL
    host check
    host start
    test "$(cat <&5)" = then
    forget_caches
    manifest tree/.snapshots/one >/run/after
    same /run/before /run/after
  `)
})

test.run()
