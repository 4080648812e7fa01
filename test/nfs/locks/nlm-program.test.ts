import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FsError } from '../../../src/fs/error.ts'
import { nlm_notify, nlm_reboot, nlmTypes } from '../../../src/nfs/locks/nlm-types.ts'
import { LAST_BYTE } from '../../../src/nfs/locks/range.ts'
import { voidType } from '../../../src/xdr/codec.ts'
import { as, GARBAGE_ARGS, LOCAL, REMOTE } from '../harness.ts'
import { COOKIE, decode, encode, NlmHarness } from './nlm-harness.ts'
import { statusName } from './world.ts'

const test = suite('nfs/locks/nlm-program')

test('the bytes of a LOCK of version 4, and of its answer', async () => {
  const nlm = new NlmHarness()
  const fh = await nlm.file('f')
  const row = Buffer.concat([
    Buffer.from('00000004c00c1e00', 'hex'), // cookie
    Buffer.from('0000000100000001', 'hex'), // block, exclusive
    Buffer.from('0000000567756573740000' + '00', 'hex'), // caller_name "guest"
    Buffer.from('00000020', 'hex'), // fh
    fh,
    Buffer.from('0000000737406775657374' + '00', 'hex'), // oh "7@guest"
    Buffer.from('00000007', 'hex'), // svid
    Buffer.from('0000000100000002' + '7fffffffffffffff', 'hex'), // l_offset, l_len
    Buffer.from('00000000' + '00000003', 'hex'), // reclaim, state
  ])
  const { stat, r } = await nlm.raw(2, row)
  assert.is(stat, 0)
  assert.is(Buffer.from(r.unread()).toString('hex'), '00000004c00c1e00' + '00000000')
  const [lock] = nlm.world.journal.locks.values()
  assert.is(lock?.first, 0x1_0000_0002n)
  assert.is(lock?.last, 0x1_0000_0002n + 0x7fff_ffff_ffff_ffffn - 1n)
  const [client] = nlm.world.journal.clients.values()
  assert.equal(client, { id: 1, address: '127.0.0.1', name: 'guest', state: 3, monitored: true })
  assert.is((await nlm.raw(2, row.subarray(0, -4))).stat, GARBAGE_ARGS)
})

for (const vers of [1, 3, 4] as const) {
  test(`version ${vers}: locks, conflicts, holders, unlocking`, async () => {
    const nlm = new NlmHarness()
    nlm.vers = vers
    const fh = await nlm.file('f')
    assert.is(await nlm.lock(nlm.alock(fh, 'a:1', 5n, 10n)), 'GRANTED')
    assert.is(await nlm.lock(nlm.alock(fh, 'a:2')), 'DENIED')
    assert.is(await nlm.lock(nlm.alock(fh, 'a:2'), { block: true }), 'BLOCKED')
    assert.is(await nlm.cancel(nlm.alock(fh, 'a:2')), 'GRANTED')
    const { status, cookie, holder } = await nlm.test(nlm.alock(fh, 'a:2'))
    assert.is(statusName(status), 'DENIED')
    assert.equal(Buffer.from(cookie), COOKIE)
    assert.is(holder?.svid, 1)
    assert.is(holder?.l_offset, 5n)
    assert.is(holder?.l_len, 10n)
    assert.is(await nlm.unlock(nlm.alock(fh, 'a:1', 5n, 10n)), 'GRANTED')
    assert.is(statusName((await nlm.test(nlm.alock(fh, 'a:2'))).status), 'GRANTED')
  })
}

test('a holder beyond 32 bits is told to version 3 as far as its numbers go', async () => {
  const nlm = new NlmHarness()
  const fh = await nlm.file('f')
  await nlm.lock(nlm.alock(fh, 'a:1', 2n ** 40n, 5n))
  nlm.vers = 3
  const { holder } = await nlm.test(nlm.alock(fh, 'a:2', 0n, 0n))
  assert.is(holder?.l_offset, 0xffff_ffffn)
  nlm.vers = 4
  await nlm.lock(nlm.alock(fh, 'a:1', 0n, 0n))
  nlm.vers = 3
  assert.is((await nlm.test(nlm.alock(fh, 'a:2', 0n, 5n))).holder?.l_len, 0n)
})

test('a range beyond 64 bits is FBIG, and unlocking it releases what there is', async () => {
  const nlm = new NlmHarness()
  const fh = await nlm.file('f')
  assert.is(await nlm.lock(nlm.alock(fh, 'a', LAST_BYTE, 2n)), 'FBIG')
  assert.is(await nlm.lock(nlm.alock(fh, 'a', LAST_BYTE, 1n)), 'GRANTED')
  assert.is(await nlm.unlock(nlm.alock(fh, 'a', LAST_BYTE, 9n)), 'GRANTED')
  assert.is(nlm.world.journal.locks.size, 0)
})

test('_MSG has an empty reply, and its answer is a _RES to the client', async () => {
  const nlm = new NlmHarness()
  const fh = await nlm.file('f')
  const { lockargs, res, testargs, testres } = nlmTypes(4)
  const { stat, r } = await nlm.raw(7, encode(lockargs, nlm.lockArgs(nlm.alock(fh, 'a:1'))))
  assert.is(stat, 0)
  assert.is(r.remaining, 0)
  const args = { cookie: COOKIE, exclusive: true, alock: nlm.alock(fh, 'b:1') }
  await nlm.raw(6, encode(testargs, args))
  const [locked, tested] = nlm.sent
  assert.is(locked?.to, '127.0.0.1 v4')
  assert.is(locked?.proc, 12)
  assert.equal(decode(res, locked?.body ?? COOKIE), { cookie: new Uint8Array(COOKIE), status: 0 })
  assert.is(tested?.proc, 11)
  assert.is(decode(testres, tested?.body ?? COOKIE).holder?.svid, 1)
})

test('every _MSG is answered by its _RES, and a _RES by nothing', async () => {
  const nlm = new NlmHarness()
  const fh = await nlm.file('f')
  const alock = nlm.alock(fh, 'a')
  const { cancargs, unlockargs, testargs, res } = nlmTypes(4)
  await nlm.raw(8, encode(cancargs, { cookie: COOKIE, block: true, exclusive: true, alock }))
  await nlm.raw(9, encode(unlockargs, { cookie: COOKIE, alock }))
  await nlm.raw(10, encode(testargs, { cookie: COOKIE, exclusive: true, alock }))
  assert.equal(
    nlm.sent.map(({ proc }) => proc),
    [13, 14, 15],
  )
  const answer = encode(res, { cookie: COOKIE, status: 1 })
  for (const proc of [11, 12, 13, 14, 15]) assert.is((await nlm.raw(proc, answer)).stat, 0)
  assert.is(nlm.sent.length, 3)
  assert.equal(nlm.grantedRes, ['cookie DENIED'])
})

test('GRANTED is told after what it says is on the disk, and not where that fails', async () => {
  const nlm = new NlmHarness()
  const fh = await nlm.file('f')
  nlm.held = true
  let answer = ''
  const locked = nlm.lock(nlm.alock(fh, 'a')).then((status) => {
    answer = status
  })
  await Promise.resolve()
  assert.is(answer, '')
  nlm.barriers[0]?.(new FsError('IO'))
  await locked
  assert.is(answer, 'DENIED_NOLOCKS')
})

test('who may neither read nor write a file, and does not own it, may not lock it', async () => {
  const nlm = new NlmHarness()
  const secret = await nlm.file('secret', 0o600)
  const open = await nlm.file('open', 0o644)
  nlm.nfs.caller = REMOTE
  nlm.nfs.credential = as(7)
  assert.is(await nlm.lock(nlm.alock(secret, 'a')), 'FAILED')
  assert.is(await nlm.lock(nlm.alock(open, 'a')), 'GRANTED')
  assert.is(await nlm.unlock(nlm.alock(secret, 'a')), 'GRANTED', 'releasing needs nothing')
  nlm.vers = 3
  assert.is(await nlm.lock(nlm.alock(secret, 'a')), 'DENIED_NOLOCKS', 'in the words of version 3')
})

test('a handle that is none or of a file that is gone is STALE_FH, a directory fails', async () => {
  const nlm = new NlmHarness()
  const fh = await nlm.file('f')
  assert.is(await nlm.lock(nlm.alock(fh.fill(0, 20), 'a')), 'STALE_FH')
  assert.is(await nlm.lock(nlm.alock(nlm.nfs.root, 'a')), 'FAILED')
  const gone = { ...nlm.nfs.fs.root(), ino: 999_999 }
  assert.is(await nlm.lock(nlm.alock(nlm.nfs.handle(gone), 'a')), 'STALE_FH')
})

test('what cannot be changed is locked for reading only', async () => {
  const nlm = new NlmHarness([{ path: '/', readOnly: true }])
  const made = nlm.nfs.fs.create(as7, nlm.nfs.fs.root(), Buffer.from('f'), {
    mode: 'GUARDED',
    attributes: { mode: 0o666 },
  })
  const fh = nlm.nfs.handle(made.id)
  assert.is(await nlm.lock(nlm.alock(fh, 'a')), 'ROFS')
  assert.is(await nlm.lock(nlm.alock(fh, 'a'), { exclusive: false }), 'GRANTED')
})
const as7 = { uid: 0, gid: 0, gids: [] }

test('NM_LOCK locks without monitoring, FREE_ALL frees what its caller has', async () => {
  const nlm = new NlmHarness()
  const fh = await nlm.file('f')
  assert.is(await nlm.lock(nlm.alock(fh, 'a'), {}, 22), 'GRANTED')
  assert.equal(nlm.world.monitored, [])
  const notify = encode(nlm_notify, { name: 'a', state: 0 })
  nlm.nfs.caller = REMOTE
  await nlm.raw(23, notify)
  assert.is(nlm.world.journal.locks.size, 1, 'from another address')
  nlm.nfs.caller = LOCAL
  await nlm.raw(23, notify)
  assert.is(nlm.world.journal.locks.size, 0)
})

test('SHARE and UNSHARE', async () => {
  const nlm = new NlmHarness()
  const fh = await nlm.file('f')
  assert.is(await nlm.share('a', fh, 3, 2), 'GRANTED')
  assert.is(await nlm.share('b', fh, 2, 0), 'DENIED')
  assert.is(await nlm.share('a', fh, 3, 2, 21), 'GRANTED')
  assert.is(await nlm.share('b', fh, 2, 0), 'GRANTED')
})

test('version 1 has no SHARE, NM_LOCK and FREE_ALL, and there is no version 2', async () => {
  const nlm = new NlmHarness()
  nlm.vers = 1
  const PROC_UNAVAIL = 3
  for (const proc of [20, 21, 22, 23, 17, 24]) {
    assert.is((await nlm.raw(proc, encode(voidType, undefined))).stat, PROC_UNAVAIL)
  }
  assert.is((await nlm.nfs.raw(100_021, 2, 1, new Uint8Array(0))).stat, 2, 'PROG_MISMATCH')
  assert.is((await nlm.nfs.raw(100_021, 4, 0, new Uint8Array(0))).stat, 0, 'NULL')
})

test('news from the NSM are believed on this host alone', async () => {
  const nlm = new NlmHarness()
  const priv = Buffer.from('0123456789abcdef')
  const news = encode(nlm_reboot, { mon_name: '10.0.0.7', state: 5, priv })
  nlm.nfs.caller = REMOTE
  await nlm.raw(16, news)
  assert.is(nlm.news.length, 0)
  nlm.nfs.caller = LOCAL
  await nlm.raw(16, news)
  assert.is(nlm.news[0]?.mon_name, '10.0.0.7')
  assert.is(Buffer.from(nlm.news[0]?.priv ?? '').toString(), '0123456789abcdef')
})

test.run()
