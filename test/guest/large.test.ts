import { join } from 'node:path'
import { suite } from 'uvu'
import type { Cred } from '../../src/fs/filesystem.ts'
import { Volume } from '../../src/volume.ts'
import { withNet } from './net.ts'
import { inGuest, scenario } from './scenario.ts'
import { withHostServer, zerofsNfs } from './server.ts'
import { withTempDir } from './tempdir.ts'

const test = suite('guest: large directories')

const MANY = 60_000
const FEWER = 5000
/** Names that one commit has. */
const TOGETHER = 1000
const OWNER: Cred = { uid: 0, gid: 0, gids: [] }

/** A store with the directories `many` and `fewer`, where everyone may make and remove names. */
async function furnish(directory: string): Promise<void> {
  const report = () => undefined
  const volume = await Volume.open({ directory, create: true, command: 'test', report })
  const { fs } = volume
  fs.setattr(OWNER, fs.root(), { mode: 0o777 })
  for (const [name, count] of [
    ['many', MANY],
    ['fewer', FEWER],
  ] as const) {
    const { id } = fs.mkdir(OWNER, fs.root(), Buffer.from(name), { mode: 0o777 })
    for (let i = 0; i < count; i++) {
      const entry = Buffer.from(`name-${`${i}`.padStart(6, '0')}`)
      fs.create(OWNER, id, entry, { mode: 'GUARDED', attributes: { mode: 0o666 } })
      if (i % TOGETHER === 0) await volume.store.flush()
    }
  }
  await volume.close()
}

/**
 * tells DIR FROM TO [COMMAND]: lists it, each of the names from FROM up to TO, which nobody
 * touches, exactly once, and any other at most once. COMMAND is run when a third has been told.
 */
const TELLS = String.raw`
  cat >/run/tells.pl <<'END'
    use strict;
    my ($dir, $from, $to, @command) = @ARGV;
    my (%told, $count);
    opendir my $handle, $dir or die "opendir: $!";
    while (1) {
      $! = 0;
      my $name = readdir $handle;
      if (!defined $name) { die "readdir: $!" if $!; last; }
      die "$name is told twice\n" if $told{$name}++;
      if (++$count == int(($to - $from) / 3) && @command) {
        system(@command) == 0 or die "@command failed\n";
      }
    }
    for my $number ($from .. $to - 1) {
      my $name = sprintf 'name-%06d', $number;
      die "$name is not told\n" unless $told{$name};
    }
    print scalar(keys %told), "\n";
END
  tells() { perl /run/tells.pl "$@"; }
`

scenario(
  test,
  'names are listed whole while others remove them and the server restarts',
  async () => {
    await withTempDir(async (dir) => {
      const data = join(dir, 'data')
      await furnish(data)
      await withNet((net) =>
        withHostServer(net, data, async (server) => {
          const restart = async (signal = '') => {
            await server.stop(signal === 'SIGKILL' ? signal : 'SIGTERM')
            await server.start()
          }
          await inGuest({ net, timeoutSeconds: 240, on: { restart }, script: SCRIPT })
        }),
      )
      await zerofsNfs('check', '--data', data)
    })
  },
)

const SCRIPT = `
  ${TELLS}
  mkdir /run/other
  mount -t nfs -o nolock server:/ /mnt
  # A second client, as far as caches go.
  mount -t nfs -o nolock,nosharecache server:/ /run/other
  cd /mnt
  test "$(ls -f many | wc -l)" = ${MANY + 2}
  test "$(find many -type f | wc -l)" = ${MANY}
  test "$(find /run/other/many -name 'name-*7' | wc -l)" = ${MANY / 10}

  # The server goes in the middle of a listing, and with it all that the client has cached of it.
  restart() { host restart $1 && forget_caches; }
  export -f host restart forget_caches
  cd /
  for signal in SIGTERM SIGKILL; do
    test "$(tells /mnt/many 0 ${MANY} bash -c 'restart $0' $signal)" = ${MANY + 2}
  done

  # One client makes and removes names in a directory while the other lists it.
  (
    seq -f '/mnt/many/new-%.0f' 2000 | xargs touch
    seq -f '/mnt/many/name-%06.0f' 0 3999 | xargs rm
    seq -f '/mnt/many/new-%.0f' 2000 | xargs rm
  ) &
  rounds=0
  while kill -0 $! 2>/run/failure; do
    tells /run/other/many 4000 ${MANY} >/run/told
    rounds=$((rounds + 1))
  done
  wait $!
  echo "listed $rounds times meanwhile"
  test $rounds -gt 1

  # And a whole directory goes.
  rm -r /mnt/fewer &
  while test -e /run/other/fewer; do
    tells /run/other/fewer 0 0 >/run/told || test ! -e /run/other/fewer
  done
  wait $!
  # What remains is what the second client sees, too, as soon as it looks.
  sleep 4
  tells /run/other/many 4000 ${MANY}
  test "$(ls -f /run/other/many | wc -l)" = ${MANY - 4000 + 2}
`

test.run()
