import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type DatasetQuota, rquota, rquotaPrograms } from '../../src/nfs/rquota.ts'
import { Random } from '../model/random.ts'
import { as, bytes, GARBAGE_ARGS, Harness, REMOTE } from './harness.ts'

const test = suite('nfs/rquota')

const RQUOTA = 100_011
const [GETQUOTA, GETACTIVEQUOTA, SETQUOTA, SETACTIVEQUOTA] = [1, 2, 3, 4]
const [Q_OK, Q_NOQUOTA, Q_EPERM] = [1, 2, 3]
const [USER, GROUP, PROJECT] = [0, 1, 2]
const PROC_UNAVAIL = 3
const PROG_MISMATCH = 2

const LIMITED: DatasetQuota = {
  quota: { bytes: 10 * 2 ** 20, inodes: 500 },
  usage: { bytes: 5 * 2 ** 20 + 1, inodes: 7 },
}

/** The root dataset of the tree in memory, which has `/a/b` and the file `/a/f`. */
class Served {
  readonly nfs: Harness
  found: DatasetQuota | undefined = LIMITED

  constructor(exports?: ConstructorParameters<typeof Harness>[0]) {
    this.nfs = new Harness(exports, undefined, (service) =>
      rquotaPrograms(service, (dataset) => (dataset === 1 ? this.found : undefined)),
    )
    const root = { uid: 0, gid: 0, gids: [] }
    const a = this.nfs.fs.mkdir(root, this.nfs.fs.root(), bytes('a'), { mode: 0 })
    this.nfs.fs.mkdir(root, a.id, Buffer.from('b\xe4', 'latin1'), {})
    this.nfs.fs.create(root, a.id, bytes('f'), { mode: 'GUARDED', attributes: {} })
  }

  /** @returns the status, and the quota where it is Q_OK */
  async ask(vers: number, proc: number, args: Uint8Array) {
    const { stat, r } = await this.nfs.raw(RQUOTA, vers, proc, args)
    assert.is(stat, 0)
    const status = r.uint32()
    const quota = status === Q_OK ? rquota.decode(r) : undefined
    assert.is(r.remaining, 0)
    return { status, quota }
  }

  async status(path: string): Promise<number> {
    return (await this.ask(1, GETQUOTA, words(path, 0))).status
  }
}

/** Numbers as they are, and texts as strings of one character a byte. */
function words(...given: readonly (number | string)[]): Uint8Array {
  const parts = given.map((one) => {
    if (typeof one === 'number') return int(one)
    const text = Buffer.from(one, 'latin1')
    return Buffer.concat([int(text.length), text, Buffer.alloc(-text.length & 3)])
  })
  return new Uint8Array(Buffer.concat(parts))
}

function int(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

test('a quota is told to everybody, for every uid, in both versions', async () => {
  const served = new Served()
  const expected = {
    ...{ bsize: 1024, active: true, bhardlimit: 10_240, bsoftlimit: 10_240, curblocks: 5121 },
    ...{ fhardlimit: 500, fsoftlimit: 500, curfiles: 7, btimeleft: 0, ftimeleft: 0 },
  }
  for (const uid of [0, 1000, -2]) {
    served.nfs.credential = as(uid & 0xffff)
    for (const proc of [GETQUOTA, GETACTIVEQUOTA]) {
      const first = await served.ask(1, proc, words('/', 1000))
      assert.equal(first, { status: Q_OK, quota: expected })
      for (const type of [USER, PROJECT]) {
        assert.equal(await served.ask(2, proc, words('/', type, uid)), first)
      }
      assert.is((await served.ask(2, proc, words('/', GROUP, uid))).status, Q_NOQUOTA)
      assert.is((await served.ask(2, proc, words('/', 77, uid))).status, Q_NOQUOTA)
    }
  }
})

test('the reply byte by byte', async () => {
  const served = new Served()
  const { r } = await served.nfs.raw(RQUOTA, 1, GETQUOTA, words('/', 0))
  const numbers = Array.from({ length: 11 }, () => r.uint32())
  assert.equal(numbers, [Q_OK, 1024, 1, 10_240, 10_240, 5121, 500, 500, 7, 0, 0])
})

test('a path is taken as MOUNT takes it', async () => {
  const served = new Served()
  for (const path of ['/', '', '//', '/a', 'a/', '/a/./b\xe4']) {
    assert.is(await served.status(path), Q_OK, path)
  }
  for (const path of ['/none', '/a/f', '/a/..', '/a'.repeat(500)]) {
    assert.is(await served.status(path), Q_NOQUOTA, path)
  }
})

test('one limit alone is a quota, and none is none', async () => {
  const served = new Served()
  const { usage } = LIMITED
  served.found = { quota: { bytes: 4096, inodes: 0 }, usage }
  const bytesAlone = await served.ask(1, GETQUOTA, words('/', 0))
  assert.equal([bytesAlone.quota?.bhardlimit, bytesAlone.quota?.fhardlimit], [4, 0])
  served.found = { quota: { bytes: 0, inodes: 9 }, usage }
  const filesAlone = await served.ask(1, GETQUOTA, words('/', 0))
  assert.equal([filesAlone.quota?.bhardlimit, filesAlone.quota?.fhardlimit], [0, 9])
  served.found = { quota: { bytes: 0, inodes: 0 }, usage }
  assert.is(await served.status('/'), Q_NOQUOTA)
  served.found = undefined
  assert.is(await served.status('/'), Q_NOQUOTA)
})

test('numbers that do not fit are told in larger blocks', async () => {
  const served = new Served()
  const most = Number.MAX_SAFE_INTEGER
  for (const [quota, usage, bsize] of [
    [4 * 2 ** 40 - 1024, 1, 1024],
    [4 * 2 ** 40, 1, 2048],
    [1, 16 * 2 ** 40, 8192],
    [most, most, 2 ** 22],
  ] as const) {
    served.found = {
      quota: { bytes: quota, inodes: most },
      usage: { bytes: usage, inodes: most },
    }
    const { quota: told } = await served.ask(2, GETQUOTA, words('/', USER, 0))
    assert.ok(told)
    assert.is(told.bsize, bsize)
    assert.equal([told.fhardlimit, told.curfiles], [0xffff_ffff, 0xffff_ffff])
    assert.is(told.bhardlimit, Math.ceil(quota / bsize))
    assert.is(told.curblocks, Math.ceil(usage / bsize))
  }
})

test('whom MOUNT refuses is refused', async () => {
  const served = new Served([{ path: '/', clients: ['198.51.100.0/24'] }])
  served.nfs.caller = REMOTE
  assert.is(await served.status('/'), Q_EPERM)
  assert.is(await served.status('/none'), Q_EPERM)
  served.nfs.caller = { ...REMOTE, address: '198.51.100.9' }
  assert.is(await served.status('/'), Q_OK)
})

test('nothing can be set', async () => {
  const served = new Served()
  const limits = [1, 2, 3, 4, 5, 6, 7, 8]
  for (const proc of [SETQUOTA, SETACTIVEQUOTA]) {
    const first = await served.ask(1, proc, words(0, '/', 1000, ...limits))
    const second = await served.ask(2, proc, words(0, '/', 1000, USER, ...limits))
    assert.equal([first.status, second.status], [Q_EPERM, Q_EPERM])
  }
})

test('NULL, and what is not there', async () => {
  const { nfs } = new Served()
  for (const vers of [1, 2]) {
    assert.is((await nfs.raw(RQUOTA, vers, 0, new Uint8Array(0))).stat, 0)
    assert.is((await nfs.raw(RQUOTA, vers, 5, new Uint8Array(0))).stat, PROC_UNAVAIL)
  }
  assert.is((await nfs.raw(RQUOTA, 3, 0, new Uint8Array(0))).stat, PROG_MISMATCH)
})

const CALLS: readonly (readonly [vers: number, proc: number, args: Uint8Array])[] = [
  [1, GETQUOTA, words('/a', 1000)],
  [2, GETACTIVEQUOTA, words('/a', USER, 1000)],
  [1, SETQUOTA, words(0, '/a', 1000, 1, 2, 3, 4, 5, 6, 7, 8)],
  [2, SETACTIVEQUOTA, words(0, '/a', 1000, USER, 1, 2, 3, 4, 5, 6, 7, 8)],
]

test('arguments that are cut short, or too long, are GARBAGE_ARGS', async () => {
  const { nfs } = new Served()
  for (const [vers, proc, args] of CALLS) {
    for (let size = 0; size < args.length; size += 4) {
      assert.is((await nfs.raw(RQUOTA, vers, proc, args.subarray(0, size))).stat, GARBAGE_ARGS)
    }
  }
  for (const long of [words('/'.repeat(1025), 0), words(-1, 0), words(0x7fff_ffff, '/', 0)]) {
    assert.is((await nfs.raw(RQUOTA, 1, GETQUOTA, long)).stat, GARBAGE_ARGS)
  }
  assert.equal(nfs.reported, [])
})

test('noise is answered, and breaks nothing', async () => {
  const { nfs } = new Served()
  const random = new Random(11)
  for (const [vers, proc, args] of CALLS) {
    for (let at = 0; at < args.length; at++) {
      const damaged = Uint8Array.from(args)
      damaged[at] = random.below(256)
      const { stat } = await nfs.raw(RQUOTA, vers, proc, damaged)
      assert.ok(stat === 0 || stat === GARBAGE_ARGS)
    }
    for (let i = 0; i < 50; i++) {
      const { stat } = await nfs.raw(RQUOTA, vers, proc, random.bytes(4 * i))
      assert.ok(stat === 0 || stat === GARBAGE_ARGS)
    }
  }
  assert.equal(nfs.reported, [])
})

test.run()
