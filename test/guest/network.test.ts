import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Volume } from '../../src/volume.ts'
import { failure } from './failure.ts'
import { type HostNet, SERVER_ADDRESS, withNet } from './net.ts'
import { FAULT_PORTS, type Fault, type ProxyCounts } from './proxy.ts'
import { inGuest, scenario } from './scenario.ts'
import { withHostServer, zerofsNfs } from './server.ts'
import { withTempDir } from './tempdir.ts'

const test = suite('guest: a network that fails')

const PROXY = fileURLToPath(new URL('./proxy.ts', import.meta.url))
const NFS_PORT = 2049
const READY_SECONDS = 20

/** Runs `use` with the proxy in front of the server. @returns what the proxy did */
async function withProxy(net: HostNet, use: () => Promise<void>): Promise<ProxyCounts> {
  const command = [process.execPath, '--import', 'tsx', PROXY, SERVER_ADDRESS, `${NFS_PORT}`]
  const child = net.spawn(command, { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  const lines = (child.stdout as Readable).setEncoding('utf8')
  const ended = new Promise((resolve) => child.once('close', resolve))
  try {
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(
        () => reject(failure('the proxy is not ready', output)),
        READY_SECONDS * 1000,
      )
      lines.on('data', (text: string) => {
        output += text
        if (!output.startsWith('ready')) return
        clearTimeout(late)
        resolve()
      })
    })
    await use()
  } finally {
    child.kill('SIGTERM')
    await ended
  }
  return JSON.parse(output.split('\n')[1] ?? '') as ProxyCounts
}

/**
 * A server on this machine, and a guest behind a bad network. `host killed` in its script kills the
 * server and starts it again; `mounting` and `copies` are below.
 */
async function through(script: string): Promise<ProxyCounts> {
  let counts: ProxyCounts = { repliesLost: 0, callsCut: 0, stalls: 0 }
  await withTempDir(async (dir) => {
    const data = join(dir, 'data')
    await letEveryoneWrite(data)
    await withNet((net) =>
      withHostServer(net, data, async (server) => {
        const killed = async () => {
          await server.stop('SIGKILL')
          await server.start()
        }
        const settings = { net, timeoutSeconds: 200, on: { killed } }
        counts = await withProxy(net, async () => {
          await inGuest({ ...settings, script: `${MOUNTING}\n${script}` })
        })
      }),
    )
    await zerofsNfs('check', '--data', data)
  })
  console.log(JSON.stringify(counts))
  return counts
}

/** Root is nobody to a server that it reaches by its network. */
async function letEveryoneWrite(directory: string): Promise<void> {
  const report = () => undefined
  const volume = await Volume.open({ directory, create: true, command: 'test', report })
  volume.fs.setattr({ uid: 0, gid: 0, gids: [] }, volume.fs.root(), { mode: 0o1777 })
  await volume.close()
}

const port = (fault: Fault) => `port=${FAULT_PORTS[fault]}`

/** mounting OPTIONS SCRIPT: runs the script in the mount, and unmounts. */
const MOUNTING = `
  mounting() {
    mount -t nfs -o vers=3,tcp,nolock,mountport=${NFS_PORT},$1 server:/ /mnt
    cd /mnt
    eval "$2"
    cd /
    umount /mnt
  }
  # copies KIB: a file of so many KiB is written and read, and a directory made and removed.
  copies() {
    dd if=/dev/urandom of=/run/random bs=1k count=$1 status=none
    mkdir dir
    cp /run/random dir/copy
    sync dir/copy
    forget_caches
    cmp dir/copy /run/random
    mv dir/copy dir/moved
    test "$(ls dir)" = moved
    rm -r dir
  }
`

/**
 * Makes, links, renames and removes in a directory of its own, and dies of any error. Each step
 * fails where an operation was done twice, or where one was not done.
 */
const ONCE = String.raw`
  cat >/run/once.pl <<'END'
    use strict; use Time::HiRes 'time';
    my ($me, $seconds) = @ARGV;
    my $end = time + $seconds; my $n = 0;
    mkdir "d$me" or die "mkdir d$me: $!"; chdir "d$me" or die $!;
    while (time < $end) {
      $n++;
      mkdir "dir$n" or die "mkdir dir$n: $!";
      rename "dir$n", "moved$n" or die "rename dir$n: $!";
      sysopen my $file, "moved$n/file", 0301 or die "create file $n: $!"; close $file or die $!;
      link "moved$n/file", "link$n" or die "link $n: $!";
      symlink "link$n", "symbolic$n" or die "symlink $n: $!";
      chmod 0600, "link$n" or die "chmod $n: $!";
      rename "link$n", "moved$n/other" or die "rename link$n: $!";
      unlink "symbolic$n" or die "unlink symbolic$n: $!";
      unlink "moved$n/file" or die "unlink file $n: $!";
      unlink "moved$n/other" or die "unlink other $n: $!";
      rmdir "moved$n" or die "rmdir moved$n: $!";
    }
    print "$n rounds\n";
    chdir ".."; rmdir "d$me" or die "rmdir d$me: $!";
END
`

scenario(test, 'cut connections, a killed server, and every change is made once', async () => {
  const counts = await through(`
    ${ONCE}
    work() {
      jobs=
      for i in 1 2 3; do perl /run/once.pl $i 12 & jobs="$jobs $!"; done
      for i in 1 2 3; do
        sleep 3
        host killed
      done
      for job in $jobs; do wait $job; done
    }
    mounting ${port('cut')},nconnect=4 work
  `)
  assert.ok(counts.repliesLost >= 10, `${counts.repliesLost} replies were lost`)
  assert.ok(counts.callsCut >= 10, `${counts.callsCut} calls were cut`)
})

scenario(test, 'connections cut in the middle of data, and the data is whole', async () => {
  const counts = await through(`
    mounting ${port('cut')},nconnect=4,wsize=65536,rsize=65536 'copies 12288; copies 12288'
  `)
  assert.ok(counts.repliesLost + counts.callsCut >= 10, JSON.stringify(counts))
})

/**
 * Writes, reads, cuts and syncs one file at random for some seconds, each byte compared with what
 * it must be, and dies of any error. What it should be in the end is left in /run/expected.NAME.
 */
const EXERCISE = String.raw`
  cat >/run/exercise.pl <<'END'
    use strict; use Time::HiRes 'time'; use Fcntl qw(:DEFAULT :seek); use IO::Handle;
    my ($name, $seconds, $max) = @ARGV;
    my ($end, $n, $file, $is) = (time + $seconds, 0, undef, '');
    my $reopen = sub {
      !$file or close $file or die "close $name: $!";
      sysopen $file, $name, O_RDWR | O_CREAT or die "open $name: $!";
    };
    $reopen->();
    while (time < $end) {
      my ($at, $length, $what) = (int rand $max, 1 + int rand $max / 8, int rand 10);
      $n++;
      if ($what < 5) {
        my $data = pack 'L*', map { rand 2**32 } 0 .. $length / 4;
        sysseek $file, $at, SEEK_SET or die "seek: $!";
        syswrite($file, $data) == length $data or die "write of $name: $!";
        $is .= "\0" x ($at - length $is) if $at > length $is;
        substr($is, $at, length $data) = $data;
      } elsif ($what < 8) {
        my $expected = $at < length $is ? substr($is, $at, $length) : '';
        sysseek $file, $at, SEEK_SET or die "seek: $!";
        my $data = '';
        while (length $data < $length) {
          my $got = sysread $file, $data, $length - length $data, length $data;
          die "read of $name: $!" unless defined $got;
          last unless $got;
        }
        die "round $n: wrong bytes in $name at $at\n" if $data ne $expected;
      } elsif ($what == 8) {
        truncate $file, $at or die "truncate $name: $!";
        $is .= "\0" x ($at - length $is) if $at > length $is;
        $is = substr $is, 0, $at;
      } else {
        $file->sync or die "fsync $name: $!";
        $reopen->();
      }
    }
    close $file or die "close $name: $!";
    open my $expected, '>', "/run/expected.$name" or die $!;
    print $expected $is; close $expected or die $!;
    print "$name: $n rounds\n";
END
  # exercises SECONDS BYTES COMMAND: two files of about so many bytes, and the command meanwhile.
  exercises() {
    jobs=
    for i in 1 2; do perl /run/exercise.pl file$i $1 $2 & jobs="$jobs $!"; done
    $3
    for job in $jobs; do wait $job; done
    forget_caches
    for i in 1 2; do cmp file$i /run/expected.file$i; done
    rm file1 file2
  }
  killed() { for i in 1 2 3; do sleep 2; host killed; done; }
`

scenario(test, 'no byte is wrong whatever the network does, or the server', async () => {
  const counts = await through(`
    ${EXERCISE}
    mounting ${port('cut')},nconnect=2 'exercises 10 400000 killed'
    mounting ${port('stall')},timeo=5,retrans=1 'exercises 15 400000 true'
    mounting ${port('bytes')},rsize=4096,wsize=4096 'exercises 3 12000 true'
  `)
  assert.ok(counts.repliesLost + counts.callsCut >= 5, JSON.stringify(counts))
  assert.ok(counts.stalls >= 5, JSON.stringify(counts))
})

scenario(test, 'late replies, slow lines and segments of one byte cost time alone', async () => {
  await through(`
    mounting ${port('delay')} 'copies 4096'
    mounting ${port('slow')} 'copies 16384'
    mounting ${port('bytes')},rsize=4096,wsize=4096 'copies 48'
  `)
})

test.run()
