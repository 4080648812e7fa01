/** Port 111 for real: our portmapper and the system's programs, and ours with the system's rpcbind. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { missing, type Namespace, withNamespace } from './portmap-namespace.ts'

const { CI } = process.env

const test = suite('rpc/portmap and the programs of the system')

const reason = missing(['rpcbind', 'rpcinfo', 'rpc.statd', 'ss'])
if (reason !== undefined) process.stdout.write(`skipped, as ${reason}\n`)

/** A test that needs root, Linux and Debian's nfs-common; in CI it fails where these are missing. */
function real(name: string, run: (namespace: Namespace) => Promise<void>): void {
  if (reason === undefined) test(name, () => withNamespace(run))
  else if (CI === 'true') test(name, () => assert.unreachable(reason))
  else test.skip(name)
}

/** The rows of `rpcinfo -p` without their padding. */
const rows = (output: string) => output.split('\n').map((line) => line.trim().replace(/\s+/g, ' '))

const READY = /program \d+ version \d+ ready and waiting/

real('rpcinfo finds our programs through our portmapper', async ({ run, serve }) => {
  const { by, summary } = await serve('auto')
  assert.is(by, 'own', summary)
  const listed = rows(await run('rpcinfo', '-p', '127.0.0.1'))
  for (const row of [
    '100000 4 tcp 111 portmapper',
    '100000 3 udp 111 portmapper',
    '100000 2 udp 111 portmapper',
    '100003 3 tcp 2049 nfs',
    '100005 3 tcp 20048 mountd',
    '100005 3 udp 20048 mountd',
  ]) {
    assert.ok(listed.includes(row), `${row} in ${listed.join(' | ')}`)
  }
  const short = rows(await run('rpcinfo', '-s', '127.0.0.1'))
  assert.ok(
    short.some((row) => /^100003 3 (tcp,tcp6|tcp6,tcp) nfs zerofs-nfs$/.test(row)),
    short.join(' | '),
  )
})

real('rpcinfo reaches each program by the address that we answer', async ({ run, serve }) => {
  await serve('own')
  for (const [netid, host] of [
    ['tcp', '127.0.0.1'],
    ['tcp6', '::1'],
  ] as const) {
    assert.match(await run('rpcinfo', '-T', netid, host, '100003', '3'), READY)
    assert.match(await run('rpcinfo', '-T', netid, host, '100003'), READY)
  }
  assert.match(await run('rpcinfo', '-T', 'udp6', '::1', '100005', '3'), READY)
  assert.match(await run('rpcinfo', '-u', '127.0.0.1', '100005', '3'), READY)
  assert.match(await run('rpcinfo', '-t', '127.0.0.1', '100005'), READY)
  assert.match(await run('rpcinfo', '-u', '127.0.0.1', '100000'), READY)
  assert.match(await run('rpcinfo', '-T', 'udp', '127.0.0.1', '100003', '3'), /not registered/)
})

real('rpcinfo reads our statistics and address lists', async ({ run, serve }) => {
  await serve('own')
  assert.match(await run('rpcinfo', '-m', '127.0.0.1'), /RPCBIND \(version 4\) statistics/)
  const list = await run('rpcinfo', '-l', '127.0.0.1', '100005', '3')
  assert.match(list, /inet\/tcp\/cots_ord\s+127\.0\.0\.1\.78\.80/)
  assert.match(list, /inet\/udp\/clts\s+127\.0\.0\.1\.78\.80/)
})

real('rpc.statd registers with us, on IPv4 and IPv6', async ({ run, runUntil, start, serve }) => {
  await serve('own')
  start('rpc.statd', '--foreground', '--no-notify')
  assert.match(await runUntil(READY, 'rpcinfo', '-u', '127.0.0.1', '100024', '1'), READY)
  assert.match(await run('rpcinfo', '-T', 'tcp6', '::1', '100024', '1'), READY)
})

real('beside rpcbind we register with it, and take it back', async (namespace) => {
  const { run, runUntil, start, serve } = namespace
  start('rpcbind', '-f')
  await runUntil(/portmapper/, 'rpcinfo', '-p')
  const { by, summary, stop } = await serve('auto')
  assert.is(by, 'system', summary)
  assert.match(summary, /rpcbind version 4 at \/run\/rpcbind\.sock/)
  const listed = rows(await run('rpcinfo', '-p'))
  for (const row of [
    '100003 3 tcp 2049 nfs',
    '100005 3 tcp 20048 mountd',
    '100005 3 udp 20048 mountd',
  ]) {
    assert.ok(listed.includes(row), `${row} in ${listed.join(' | ')}`)
  }
  assert.match(await run('rpcinfo', '-T', 'tcp6', '::1', '100003', '3'), READY)
  assert.match(await run('rpcinfo', '-T', 'udp6', '::1', '100005', '3'), READY)
  await stop()
  assert.not.match(await run('rpcinfo', '-s'), /nfs|mountd/)
})

real('an rpcbind whose socket is out of reach is asked by version 2', async (namespace) => {
  const { run, runUntil, start, serve } = namespace
  start('rpcbind', '-f')
  await runUntil(/portmapper/, 'rpcinfo', '-p')
  // It opens its sockets one after another.
  await runUntil(READY, 'rpcinfo', '-T', 'tcp', '127.0.0.1', '100000', '2')
  await run('rm', '/run/rpcbind.sock')
  const { by, summary, stop } = await serve('auto')
  assert.is(by, 'system', summary)
  assert.ok(/PMAP version 2 over TCP/.test(summary), summary)
  assert.match(await run('rpcinfo', '-T', 'tcp', '127.0.0.1', '100003', '3'), READY)
  await stop()
  assert.not.match(await run('rpcinfo', '-s', '127.0.0.1'), /nfs|mountd/)
})

real('a stranger on port 111 is a sentence, and we serve without', async (namespace) => {
  const { run, runUntil, start, serve } = namespace
  start(process.execPath, '-e', "require('net').createServer().listen(111, '::1')")
  await runUntil(/:111/, 'ss', '-ltn')
  const { by, summary } = await serve('auto')
  assert.is(by, 'off')
  assert.match(summary, /^TCP port 111 of ::1 is taken by another program; no portmapper of the /)
  assert.match(await run('ss', '-ltn'), /127.0.0.1:2049/)
  assert.not.match(await run('ss', '-lun'), /:111/)
})

test.run()
