import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Errno, FsError } from '../../src/fs/error.ts'
import type { FileSystem } from '../../src/fs/filesystem.ts'
import { as, bytes, GARBAGE_ARGS, Harness, type Name, SYSTEM_ERR } from './harness.ts'
import { ALL, samples } from './samples.ts'

const test = suite('nfs/procedure')

/** The method that does a procedure's work, and the errors of RFC 1813 §3.3 that it may throw. */
const errors: { [K in Name]: [keyof FileSystem, string] } = {
  GETATTR: ['getattr', 'IO STALE JUKEBOX'],
  SETATTR: ['setattr', 'PERM IO ACCES INVAL NOSPC ROFS DQUOT NOT_SYNC STALE FBIG JUKEBOX'],
  LOOKUP: ['lookup', 'IO NOENT ACCES NOTDIR NAMETOOLONG STALE JUKEBOX'],
  ACCESS: ['access', 'IO STALE JUKEBOX'],
  READLINK: ['readlink', 'IO INVAL ACCES STALE NOTSUPP JUKEBOX'],
  READ: ['read', 'IO NXIO ACCES INVAL ISDIR STALE JUKEBOX'],
  WRITE: ['write', 'IO ACCES FBIG DQUOT NOSPC ROFS INVAL ISDIR STALE JUKEBOX'],
  CREATE: ['create', 'IO ACCES EXIST NOTDIR NOSPC ROFS NAMETOOLONG DQUOT STALE NOTSUPP JUKEBOX'],
  MKDIR: ['mkdir', 'IO ACCES EXIST NOTDIR NOSPC ROFS NAMETOOLONG DQUOT STALE NOTSUPP MLINK'],
  SYMLINK: ['symlink', 'IO ACCES EXIST NOTDIR NOSPC ROFS NAMETOOLONG DQUOT STALE NOTSUPP'],
  MKNOD: ['mknod', 'IO ACCES EXIST NOTDIR NOSPC ROFS NAMETOOLONG DQUOT STALE NOTSUPP BADTYPE'],
  REMOVE: ['remove', 'NOENT IO ACCES PERM NOTDIR ISDIR NAMETOOLONG ROFS STALE JUKEBOX'],
  RMDIR: ['rmdir', 'NOENT IO ACCES PERM INVAL EXIST NOTDIR NAMETOOLONG ROFS NOTEMPTY STALE'],
  RENAME: [
    'rename',
    'NOENT IO ACCES PERM EXIST XDEV NOTDIR ISDIR INVAL NOSPC ROFS MLINK NAMETOOLONG NOTEMPTY DQUOT STALE',
  ],
  LINK: ['link', 'IO ACCES EXIST XDEV NOTDIR INVAL NOSPC ROFS MLINK NAMETOOLONG DQUOT STALE'],
  READDIR: ['readdir', 'IO ACCES NOTDIR BAD_COOKIE TOOSMALL STALE JUKEBOX'],
  READDIRPLUS: ['readdir', 'IO ACCES NOTDIR BAD_COOKIE TOOSMALL STALE NOTSUPP JUKEBOX'],
  FSSTAT: ['statfs', 'IO STALE JUKEBOX'],
  FSINFO: ['getattr', 'IO STALE'],
  PATHCONF: ['getattr', 'IO STALE'],
  COMMIT: ['commit', 'IO STALE JUKEBOX'],
}

/** What a resfail must be: RFC 1813 §3.3, with the directory or file of the call unchanged. */
function resfailOf(nfs: Harness, name: Name, unchanged = true): unknown {
  const { nodes } = nfs.fs
  const after = nodes.get(1)?.attributes
  assert.ok(after)
  const { size, mtime, ctime } = after
  const wcc = { before: unchanged ? { size, mtime, ctime } : undefined, after }
  if (name === 'GETATTR') return undefined
  if (name === 'SETATTR') return { obj_wcc: wcc }
  if (name === 'WRITE' || name === 'COMMIT') return { file_wcc: wcc }
  if (/^(CREATE|MKDIR|SYMLINK|MKNOD|REMOVE|RMDIR)$/.test(name)) return { dir_wcc: wcc }
  if (name === 'RENAME') return { fromdir_wcc: wcc, todir_wcc: wcc }
  if (name === 'LINK') return { file_attributes: after, linkdir_wcc: wcc }
  if (name === 'READ') return { file_attributes: after }
  if (name === 'READLINK') return { symlink_attributes: after }
  if (/^(LOOKUP|READDIR|READDIRPLUS)$/.test(name)) return { dir_attributes: after }
  return { obj_attributes: after }
}

for (const name of ALL) {
  const [method, codes] = errors[name]
  const sample = (nfs: Harness) => samples[name](nfs.root)

  test(`${name} answers each of its errors with the body that the RFC says`, async () => {
    for (const code of codes.split(' ') as Errno[]) {
      const nfs = new Harness()
      nfs.fs.faults.set(method, code)
      const resfail = await nfs.fails(name, sample(nfs), `NFS3ERR_${code}`)
      nfs.fs.faults.clear()
      // Where no attributes could be read there are none.
      if (method === 'getattr') assert.ok(resfail === undefined || noAttributes(resfail))
      else assert.equal(resfail, resfailOf(nfs, name), code)
      assert.equal(nfs.reported, [])
    }
  })

  test(`${name} with a forged handle is BADHANDLE, and tells nothing of the file`, async () => {
    const nfs = new Harness()
    const forged = Uint8Array.from(nfs.root)
    forged[31] = (forged[31] ?? 0) ^ 1
    for (const handle of [forged, nfs.root.subarray(0, 31), new Uint8Array(0)]) {
      const resfail = await nfs.fails(name, samples[name](handle), 'NFS3ERR_BADHANDLE')
      assert.ok(name === 'GETATTR' || noAttributes(resfail))
    }
  })

  test(`${name} with a handle of 65 bytes is GARBAGE_ARGS`, async () => {
    const nfs = new Harness()
    const args = Uint8Array.from([0, 0, 0, 65, ...new Uint8Array(200)])
    const { stat } = await nfs.raw(100_003, 3, ALL.indexOf(name) + 1, args)
    assert.is(stat, GARBAGE_ARGS)
  })

  test(`a bug in ${name} is SERVERFAULT, is reported, and claims nothing of before`, async () => {
    const nfs = new Harness()
    const bug = new Error('a bug')
    nfs.fs.faults.set(method, bug)
    const resfail = await nfs.fails(name, sample(nfs), 'NFS3ERR_SERVERFAULT')
    nfs.fs.faults.clear()
    if (method !== 'getattr') assert.equal(resfail, resfailOf(nfs, name, false))
    assert.ok(nfs.reported.length > 0)
    assert.is(nfs.reported[0], bug)
  })
}

function noAttributes(resfail: unknown): boolean {
  return !JSON.stringify(resfail ?? {}).includes('fsid')
}

const CHANGING: readonly Name[] = [
  ...(['SETATTR', 'CREATE', 'MKDIR', 'SYMLINK', 'MKNOD', 'LINK'] as const),
  ...(['RENAME', 'REMOVE', 'RMDIR'] as const),
]

/** Everything but what reads or writes data, in an order in which each goes through. */
const RUNNING = ALL.filter((name) => !/^(READLINK|READ|WRITE|REMOVE|RENAME|RMDIR)$/.test(name))
RUNNING.push('RENAME', 'REMOVE', 'RMDIR')

test('in a sync export every change waits for the barrier once, and nothing else does', async () => {
  const nfs = new Harness()
  for (const name of RUNNING) {
    nfs.fs.barriers = 0
    await nfs.ok(name, samples[name](nfs.root))
    assert.is(nfs.fs.barriers, CHANGING.includes(name) || name === 'COMMIT' ? 1 : 0, name)
  }
})

test('in an async export nothing waits but COMMIT', async () => {
  const nfs = new Harness([{ path: '/', durability: 'async' }])
  for (const name of RUNNING) {
    nfs.fs.barriers = 0
    await nfs.ok(name, samples[name](nfs.root))
    assert.is(nfs.fs.barriers, name === 'COMMIT' ? 1 : 0, name)
  }
})

test('in an async export changes wait, too, while the disk is behind', async () => {
  const nfs = new Harness([{ path: '/', durability: 'async' }])
  nfs.fs.behind = true
  for (const name of RUNNING) {
    nfs.fs.barriers = 0
    await nfs.ok(name, samples[name](nfs.root))
    assert.is(nfs.fs.barriers, CHANGING.includes(name) || name === 'COMMIT' ? 1 : 0, name)
  }
})

test('a change is answered when the barrier lets it pass, and not before', async () => {
  const nfs = new Harness()
  nfs.fs.held = []
  let answered = false
  const pending = nfs.ok('MKDIR', samples.MKDIR(nfs.root)).then(() => {
    answered = true
  })
  await new Promise(setImmediate)
  assert.is(answered, false)
  assert.is(nfs.fs.held.length, 1)
  nfs.fs.held[0]?.()
  await pending
})

for (const name of [...CHANGING, 'COMMIT'] as Name[]) {
  test(`${name} whose barrier fails is NFS3ERR_IO, and claims nothing of before`, async () => {
    const nfs = new Harness()
    for (const earlier of RUNNING.slice(0, RUNNING.indexOf(name))) {
      await nfs.ok(earlier, samples[earlier](nfs.root))
    }
    nfs.fs.barrierError = new FsError('NOSPC', 'the disk is full')
    const resfail = await nfs.fails(name, samples[name](nfs.root), 'NFS3ERR_IO')
    assert.equal(resfail, resfailOf(nfs, name, false))
  })
}

test('a stable WRITE whose barrier fails is NFS3ERR_IO, at once and late', async () => {
  for (const later of [false, true]) {
    const nfs = new Harness()
    const made = await nfs.ok('CREATE', samples.CREATE(nfs.root))
    nfs.fs.barrierError = new FsError('IO')
    nfs.fs.later = later
    const file = made.obj ?? nfs.root
    const { file_wcc } = await nfs.fails('WRITE', samples.WRITE(file), 'NFS3ERR_IO')
    const after = nfs.fs.getattr(nfs.handles.decode(file))
    assert.equal(file_wcc, { before: undefined, after })
  }
})

test('a READ that fails late answers the attributes', async () => {
  const nfs = new Harness()
  nfs.fs.read = () => Promise.reject(new FsError('IO', 'a checksum does not match'))
  const resfail = await nfs.fails('READ', samples.READ(nfs.root), 'NFS3ERR_IO')
  assert.equal(resfail, resfailOf(nfs, 'READ'))
})

test('a reply that cannot be encoded is SYSTEM_ERR and reported, and the buffer goes back', async () => {
  const nfs = new Harness()
  let released = 0
  const release = () => {
    released++
  }
  const attributes = {
    ...nfs.fs.getattr(nfs.fs.root()),
    get ctime(): never {
      throw new Error('a bug')
    },
  }
  nfs.fs.read = () => ({ data: bytes('a'), eof: true, attributes, release })
  const args = Uint8Array.from([0, 0, 0, 32, ...nfs.root, ...new Uint8Array(12)])
  const { stat } = await nfs.raw(100_003, 3, 6, args)
  assert.is(stat, SYSTEM_ERR)
  assert.is(nfs.reported.length, 1)
  assert.is(released, 1)
})

test('in a read-only export every change is ROFS, and changes nothing', async () => {
  const nfs = new Harness([{ path: '/', readOnly: true }])
  for (const name of [...CHANGING, 'WRITE'] as Name[]) {
    const before = nfs.fs.nodes.size
    const resfail = await nfs.fails(name, samples[name](nfs.root), 'NFS3ERR_ROFS')
    assert.equal(resfail, resfailOf(nfs, name))
    assert.is(nfs.fs.nodes.size, before)
  }
})

test('a change between two exports needs both to be writable', async () => {
  const nfs = new Harness([{ path: '/' }, { path: '/d', dataset: 2, readOnly: true }])
  const other = nfs.handle({ ...nfs.fs.root(), dataset: 2 })
  const name = bytes('n')
  for (const [dir, to] of [
    [nfs.root, other],
    [other, nfs.root],
  ] as const) {
    const names = { from: { dir, name }, to: { dir: to, name } }
    await nfs.fails('RENAME', names, 'NFS3ERR_ROFS')
    await nfs.fails('LINK', { file: dir, link: { dir: to, name } }, 'NFS3ERR_ROFS')
  }
})

test('a handle of a dataset that is not exported is STALE', async () => {
  const nfs = new Harness()
  const object = nfs.handle({ ...nfs.fs.root(), dataset: 2 })
  await nfs.fails('GETATTR', { object }, 'NFS3ERR_STALE')
})

test('a caller that is not admitted gets ACCES, and no attributes', async () => {
  const nfs = new Harness([{ path: '/', clients: ['198.51.100.1'] }])
  for (const name of ALL) {
    const resfail = await nfs.fails(name, samples[name](nfs.root), 'NFS3ERR_ACCES')
    assert.ok(noAttributes(resfail), name)
  }
})

test('each procedure acts as the caller says', async () => {
  const nfs = new Harness([{ path: '/', durability: 'async' }])
  nfs.credential = as(77, 88, [99])
  for (const name of ALL.filter((one) => !/^(GETATTR|FSSTAT|FSINFO|PATHCONF)$/.test(one))) {
    nfs.fs.lastCred = undefined
    await nfs.call(name, samples[name](nfs.root))
    const cred: unknown = nfs.fs.lastCred
    const { uid, gid, gids } = cred as { uid: number; gid: number; gids: number[] }
    assert.equal([uid, gid, gids], [77, 88, [99]], name)
  }
})

test('22 procedures: the one behind the last is unavailable', async () => {
  const nfs = new Harness()
  const PROC_UNAVAIL = 3
  assert.is((await nfs.raw(100_003, 3, 22, new Uint8Array(0))).stat, PROC_UNAVAIL)
  assert.is((await nfs.raw(100_003, 3, 0, new Uint8Array(0))).stat, 0)
})

test.run()
