import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { StopSignal } from '../../src/cli/io.ts'
import type { ServeOptions, Serving } from '../../src/server.ts'
import { cli, type World } from './harness.ts'

const test = suite('cli/serve')

const SERVING: Serving = {
  addresses: ['127.0.0.1:2049', '[::1]:2049'],
  mount: { command: 'mount -t nfs localhost:/ /mnt', why: undefined },
  portmap: 'our own portmapper answers on port 111',
  recovered: 0,
  stop: async () => undefined,
}

/** A server that is told to stop as soon as it is ready. */
function world(serving: Partial<Serving> = {}, signal: StopSignal = 'SIGTERM') {
  const asked: ServeOptions[] = []
  const given: World & { asked: ServeOptions[] } = {
    asked,
    cwd: '/srv',
    parts: {
      async startServer(options) {
        asked.push(options)
        return { ...SERVING, ...serving }
      },
    },
    onPrint: (text, send) => {
      if (/^ready|"event":"ready"/.test(text)) send(signal)
    },
  }
  return given
}

const events = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))

test('tells what it serves, where, and how to mount it, then that it is ready', async () => {
  const { code, stdout, stderr } = await cli(['serve'], world())
  assert.equal([code, stderr], [0, ''])
  assert.equal(
    stdout
      .replace(/process \d+/, 'process 1')
      .trim()
      .split('\n'),
    [
      'zerofs-nfs 0.1.0 serves /srv/data (sync), process 1',
      '  addresses   127.0.0.1:2049, [::1]:2049',
      '  portmap     our own portmapper answers on port 111',
      '  mount with  mount -t nfs localhost:/ /mnt',
      'ready 127.0.0.1:2049 [::1]:2049',
      'stopping (SIGTERM)',
      'stopped',
    ],
  )
})

test('tells what was recovered, and why a mount needs options', async () => {
  const mount = { command: 'mount -o port=1 x:/ /mnt', why: 'port 2049 is taken' }
  const { stdout } = await cli(['serve'], world({ mount, recovered: 1204 }, 'SIGINT'))
  assert.match(stdout, /^ {2}recovered {3}1,204 records from the intent log$/m)
  assert.match(stdout, /^ {14}\(it needs options: port 2049 is taken\)$/m)
  assert.match(stdout, /^stopping \(SIGINT\)$/m)
})

test('says where it serves over UDP too', async () => {
  const { stdout } = await cli(['serve', '--udp'], world())
  assert.match(stdout, /^ {2}addresses {3}127\.0\.0\.1:2049, \[::1\]:2049 \(TCP and UDP\)$/m)
})

test('with --json each of these is a line', async () => {
  const { code, stdout, stderr } = await cli(['serve', '--json', '--durability=async'], world())
  assert.equal([code, stderr], [0, ''])
  const [serving, ready, ...others] = events(stdout)
  assert.equal(serving, {
    ...{ event: 'serving', directory: '/srv/data', durability: 'async', version: '0.1.0' },
    ...{ pid: process.pid, portmap: SERVING.portmap, recovered: 0, udp: false },
    mount: { command: SERVING.mount.command, why: null },
  })
  assert.equal(ready, { event: 'ready', addresses: SERVING.addresses })
  assert.equal(others, [{ event: 'stopping', signal: 'SIGTERM' }, { event: 'stopped' }])
})

test('hands its options on', async () => {
  const given = world()
  const argv = 'serve d --listen 0.0.0.0 --listen [::1] --listen localhost --port 12049'.split(' ')
  const more = ['--mount-port', '20048', '--portmap', 'off', '--durability', 'async']
  assert.is((await cli([...argv, ...more], given)).code, 0)
  const { report: _, ...options } = given.asked[0] ?? {}
  assert.equal(options, {
    directory: '/srv/d',
    listen: ['0.0.0.0', '::1', '127.0.0.1', '::1'],
    ...{ port: 12049, mountPort: 20048, portmap: 'off', durability: 'async', version: '0.1.0' },
    ...{ graceSeconds: undefined, memory: undefined, udp: false, exports: {} },
  })
})

test('its defaults', async () => {
  const given = world()
  await cli(['serve'], given)
  const { report: _, ...options } = given.asked[0] ?? {}
  assert.equal(options, {
    ...{ directory: '/srv/data', listen: [], port: undefined, mountPort: undefined },
    ...{ portmap: 'auto', durability: 'sync', version: '0.1.0' },
    ...{ graceSeconds: undefined, memory: undefined, udp: false, exports: {} },
  })
})

test('hands on who may do what, and UDP', async () => {
  const given = world()
  const argv = 'serve --udp --read-only --squash all --anon 1000:4294967295'.split(' ')
  const more = '--allow 192.0.2.0/24 --allow 2001:db8::/32 --allow ::1 --alias data --alias /a/b'
  assert.is((await cli([...argv, ...more.split(' ')], given)).code, 0)
  await cli(['serve', '--squash', 'none'], given)
  const [all, one] = given.asked
  assert.is(all?.udp, true)
  assert.equal(all?.exports, {
    ...{ readOnly: true, squash: 'all', anonuid: 1000, anongid: 0xffff_ffff },
    ...{ clients: ['192.0.2.0/24', '2001:db8::/32', '::1'], aliases: ['/data', '/a/b'] },
  })
  assert.equal(one?.exports, { squash: 'none' })
})

test('DIR, --data and the environment name the same thing', async () => {
  const rows: [string[], string][] = [
    [['x'], '/srv/x'],
    [['--data', 'x'], '/srv/x'],
    [['x', '--data', './x/'], '/srv/x'],
    [[], '/env'],
  ]
  for (const [argv, directory] of rows) {
    const given = world()
    await cli(['serve', ...argv], { ...given, env: { ZEROFS_NFS_DATA: '/env' } })
    assert.is(given.asked[0]?.directory, directory)
  }
})

const WRONG: [string[], RegExp][] = [
  [['x', '--data', 'y'], /DIR is x and --data is y: give one of them/],
  [['--listen', 'example.org'], /--listen is a numeric address or localhost, not 'example\.org'/],
  [['--listen', '127.0.0.1:2049'], /not '127\.0\.0\.1:2049' \(the port is --port's\)/],
  [['--port', '0'], /--port is a number from 1 to 65535, not '0'/],
  [['--portmap', 'on'], /--portmap is one of auto, own, system, off, not 'on'/],
  [['--squash', 'everybody'], /--squash is one of root, all, none, not 'everybody'/],
  [['--anon', 'nobody'], /--anon is two numbers, such as 1000:1000, not 'nobody'/],
  [['--anon', '1000'], /--anon is two numbers/],
  [['--anon', '0:4294967296'], /--anon is two numbers/],
  [['--allow', 'example.org'], /--allow is an address or a network, .*, not 'example\.org'/],
  [['--allow', '192.0.2.0/33'], /--allow is an address or a network/],
  [['--allow', '192.0.2.0/'], /--allow is an address or a network/],
  [['--allow', '2001:db8::/129'], /--allow is an address or a network/],
  [['--allow', 'fe80::1%eth0'], /--allow is an address or a network/],
  [['--alias', '/'], /--alias is a name such as data, not '\/'/],
  [['--alias', 'a/../b'], /--alias is a name such as data, not 'a\/\.\.\/b'/],
  [['--udp=yes'], /--udp takes no value/],
  [['--durability', 'none'], /--durability is one of sync, async, not 'none'/],
  [['a', 'b'], /'serve' takes \[DIR\] only: what is 'b'\?/],
]

for (const [argv, sentence] of WRONG) {
  test(`refuses ${argv.join(' ')}`, async () => {
    const given = world()
    const { code, stderr } = await cli(['serve', ...argv], given)
    assert.is(code, 2)
    assert.match(stderr, sentence)
    assert.equal(given.asked, [])
  })
}

test('when it cannot serve, one sentence and not 0', async () => {
  const parts = {
    async startServer(): Promise<never> {
      throw new Error('port 2049 may be had by root only; give --port 12049')
    },
  }
  const plain = await cli(['serve'], { parts })
  assert.equal([plain.code, plain.stdout], [1, ''])
  assert.is(plain.stderr, 'zerofs-nfs: port 2049 may be had by root only; give --port 12049\n')
  const json = await cli(['serve', '--json'], { parts })
  const error = 'port 2049 may be had by root only; give --port 12049'
  assert.equal(events(json.stdout), [{ event: 'error', error, exit: 1 }])
})

test('a second signal ends it at once', async () => {
  let finish = () => {}
  const stop = () =>
    new Promise<void>((resolve) => {
      finish = resolve
    })
  const given = world({ stop })
  const { exits } = await cli(['serve'], {
    ...given,
    onPrint: (text, send) => {
      given.onPrint?.(text, send)
      if (!text.startsWith('stopping')) return
      setImmediate(() => {
        send('SIGINT')
        finish()
      })
    },
  })
  assert.equal(exits, [130])
})

test('problems that nobody asked for are told, and it serves on', async () => {
  const given = world()
  const startServer = async (options: ServeOptions) => {
    options.report('a call failed', new Error('out of luck'))
    return SERVING
  }
  const plain = await cli(['serve'], { ...given, parts: { startServer } })
  assert.equal([plain.code, plain.stderr], [0, 'zerofs-nfs: a call failed: out of luck\n'])
  const json = await cli(['serve', '--json'], { ...given, parts: { startServer } })
  const problem = { event: 'problem', message: 'a call failed', error: 'out of luck' }
  assert.equal(events(json.stdout)[0], problem)
})

test('the grace period is a number of seconds, an hour at most', async () => {
  const given = world()
  await cli(['serve', '--grace', '0'], given)
  await cli(['serve', '--grace', '3600'], given)
  await cli(['serve'], given)
  assert.equal(
    given.asked.map(({ graceSeconds }) => graceSeconds),
    [0, 3600, undefined],
  )
  for (const wrong of ['3601', '-1', '1.5', 'ten']) {
    const { code, stderr } = await cli(['serve', `--grace=${wrong}`], world())
    assert.is(code, 2)
    assert.match(stderr, /--grace is a number of seconds from 0 to 3600/)
  }
})

test('the memory is a size of at least 256 MiB', async () => {
  const given = world()
  await cli(['serve', '--memory', '256M'], given)
  await cli(['serve', '--memory', '1.5 GiB'], given)
  assert.equal(
    given.asked.map(({ memory }) => memory),
    [2 ** 28, 1.5 * 2 ** 30],
  )
  for (const wrong of ['255M', '1', '-1', 'all']) {
    const { code, stderr } = await cli(['serve', `--memory=${wrong}`], world())
    assert.is(code, 2)
    assert.match(stderr, /--memory is a size of at least 256 MiB, such as 2G, not '/)
  }
})

test.run()
