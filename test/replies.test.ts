/**
 * Exactly once: a server on a real store, whose client loses its connection after the operation and
 * before the reply, and sends the call again.
 */
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FileType } from '../src/fs/filesystem.ts'
import { nfsstat3 } from '../src/nfs/nfsstat3.ts'
import { type ServeOptions, startServer } from '../src/server.ts'
import { assertSound } from './check/assert-sound.ts'
import { type Args, bytes, type Name } from './nfs/harness.ts'
import { callOf, resultOf, statusOf, Wire } from './nfs/wire.ts'
import { recordOf } from './rpc/testprogram.ts'
import { withFolder, withStore } from './store/open-store.ts'

const test = suite('replies: exactly once')

async function withServer<T>(
  directory: string,
  run: (port: number) => Promise<T>,
  more: Partial<ServeOptions> = {},
): Promise<T> {
  const serving = await startServer({
    ...{ directory, listen: ['127.0.0.1'], port: 0, mountPort: undefined, portmap: 'off' },
    ...{ durability: 'sync', version: 'test' },
    report: (message, error) => {
      throw new Error(message, { cause: error })
    },
    ...more,
  })
  try {
    return await run(Number(serving.addresses[0]?.split(':')[1]))
  } finally {
    await serving.stop()
  }
}

/** The folder as a crash at this moment would leave it. */
async function crashedCopy<T>(directory: string, run: (copy: string) => Promise<T>): Promise<T> {
  return withFolder(async (folder) => {
    const copy = join(folder, 'data')
    await cp(directory, copy, { recursive: true, filter: (path) => !path.endsWith('.sock') })
    return run(copy)
  })
}

/** Handles of the things that the calls are about. */
interface Scene {
  readonly root: Uint8Array
  readonly file: Uint8Array
}

const SET = { mode: 0o600 }

/** Makes `file`, `dir` and `other`, and tells their handles. */
async function setUp(wire: Wire): Promise<Scene> {
  const root = await wire.mount(1)
  const make = async (xid: number, name: string) => {
    const how = { mode: 'GUARDED' as const, attributes: SET }
    const { obj } = await wire.ok(xid, 'CREATE', { where: { dir: root, name: bytes(name) }, how })
    return (obj ?? new Uint8Array()).slice()
  }
  const file = await make(2, 'file')
  await make(3, 'other')
  await wire.ok(4, 'MKDIR', { where: { dir: root, name: bytes('dir') }, attributes: SET })
  return { root, file }
}

/** One call of each procedure that must not be done twice, and what doing it twice would say. */
const ROWS: { [K in Name]?: [args: (scene: Scene) => Args<K>, twice: keyof typeof nfsstat3] } = {
  SETATTR: [
    // The guard: the ctime is another after the first time. It is set by `guarded`.
    ({ file }) => ({ object: file, new_attributes: { mode: 0o640 }, guard: undefined }),
    'NFS3ERR_NOT_SYNC',
  ],
  CREATE: [
    ({ root }) => ({
      where: { dir: root, name: bytes('new') },
      how: { mode: 'GUARDED', attributes: SET },
    }),
    'NFS3ERR_EXIST',
  ],
  MKDIR: [
    ({ root }) => ({ where: { dir: root, name: bytes('new') }, attributes: SET }),
    'NFS3ERR_EXIST',
  ],
  SYMLINK: [
    ({ root }) => ({
      where: { dir: root, name: bytes('new') },
      symlink: { symlink_attributes: {}, symlink_data: bytes('there') },
    }),
    'NFS3ERR_EXIST',
  ],
  MKNOD: [
    ({ root }) => ({
      where: { dir: root, name: bytes('new') },
      what: { type: FileType.FIFO, attributes: SET, spec: { specdata1: 0, specdata2: 0 } },
    }),
    'NFS3ERR_EXIST',
  ],
  REMOVE: [({ root }) => ({ object: { dir: root, name: bytes('file') } }), 'NFS3ERR_NOENT'],
  RMDIR: [({ root }) => ({ object: { dir: root, name: bytes('dir') } }), 'NFS3ERR_NOENT'],
  RENAME: [
    ({ root }) => ({
      from: { dir: root, name: bytes('file') },
      to: { dir: root, name: bytes('renamed') },
    }),
    'NFS3ERR_NOENT',
  ],
  LINK: [
    ({ root, file }) => ({ file, link: { dir: root, name: bytes('linked') } }),
    'NFS3ERR_EXIST',
  ],
}

/** The call of one row. SETATTR's is guarded, so that doing it twice shows. */
async function rowCall(wire: Wire, name: Name, scene: Scene, xid: number): Promise<Uint8Array> {
  const args = ROWS[name]?.[0](scene) as Args<Name>
  if (name !== 'SETATTR') return callOf(xid, name, args)
  const { obj_attributes } = await wire.ok(xid + 1000, 'GETATTR', { object: scene.file })
  return callOf(xid, 'SETATTR', { ...(args as Args<'SETATTR'>), guard: obj_attributes.ctime })
}

const XID = 77

for (const name of Object.keys(ROWS) as Name[]) {
  const twice = nfsstat3[ROWS[name]?.[1] ?? 'NFS3_OK']

  test(`${name}: the client that lost the reply gets the same bytes, from any port`, () =>
    withFolder((directory) =>
      withServer(directory, async (port) => {
        // An address that nobody else uses, so that nobody takes the port meanwhile.
        const localAddress = '127.0.0.3'
        const wire = await Wire.open(port, { localAddress })
        const call = await rowCall(wire, name, await setUp(wire), XID)
        const reply = await wire.call(call)
        assert.is(statusOf(reply), nfsstat3.NFS3_OK)
        const { localPort } = wire
        await wire.cut()
        const back = await Wire.open(port, { localAddress, localPort })
        assert.equal(await back.call(call), reply, 'from the same port')
        await back.cut()
        const moved = await Wire.open(port, { localAddress })
        assert.equal(await moved.call(call), reply, 'from another port')
        // The same again under another xid is a new call: so it was done, once.
        const again = Buffer.from(call)
        again.writeUInt32BE(XID + 1)
        assert.is(statusOf(await moved.call(again)), twice)
        await moved.cut()
      }),
    ))

  test(`${name}: cut off before any reply, the client that asks again sees it done once`, () =>
    withFolder((directory) =>
      withServer(directory, async (port) => {
        const wire = await Wire.open(port)
        const call = await rowCall(wire, name, await setUp(wire), XID)
        wire.send(call)
        // Whether the server has it, is about it, or is done with it, is as it happens to be.
        await wire.cut()
        const back = await Wire.open(port)
        const reply = await back.call(call)
        assert.is(statusOf(reply), nfsstat3.NFS3_OK)
        assert.equal(await back.call(call), reply)
        await back.cut()
      }),
    ))

  test(`${name}: after a crash it still gets the same bytes`, () =>
    withFolder(async (directory) => {
      const [call, reply, copied] = await withServer(directory, async (port) => {
        const wire = await Wire.open(port)
        const message = await rowCall(wire, name, await setUp(wire), XID)
        const told = await wire.call(message)
        const replayed = await crashedCopy(directory, (copy) =>
          withServer(copy, async (other) => {
            const back = await Wire.open(other)
            const got = await back.call(message)
            await back.cut()
            return got
          }),
        )
        await wire.cut()
        return [message, told, replayed] as const
      })
      assert.is(statusOf(reply), nfsstat3.NFS3_OK)
      assert.equal(copied, reply)
      // And after a stop, and once more.
      for (let start = 0; start < 2; start++) {
        await withServer(directory, async (port) => {
          const wire = await Wire.open(port)
          assert.equal(await wire.call(call), reply)
          await wire.cut()
        })
      }
      await withStore(directory, async ({ store }) => {
        await assertSound(store)
      })
    }))
}

test('a call that failed is answered the same again, and tried again after a crash', () =>
  withFolder((directory) =>
    withServer(directory, async (port) => {
      const wire = await Wire.open(port)
      const { root } = await setUp(wire)
      const where = { dir: root, name: bytes('dir') }
      const call = callOf(XID, 'MKDIR', { where, attributes: SET })
      const reply = await wire.call(call)
      assert.is(statusOf(reply), nfsstat3.NFS3ERR_EXIST)
      await wire.ok(90, 'RMDIR', { object: where })
      assert.equal(await wire.call(call), reply)
      await crashedCopy(directory, (copy) =>
        withServer(copy, async (other) => {
          const back = await Wire.open(other)
          assert.is(statusOf(await back.call(call)), nfsstat3.NFS3_OK)
          await back.cut()
        }),
      )
      await wire.cut()
    }),
  ))

test('a call that is cut off at any byte is not done, and is done once when it comes whole', () =>
  withFolder((directory) =>
    withServer(directory, async (port) => {
      const wire = await Wire.open(port)
      const root = await wire.mount(1)
      const where = { dir: root, name: bytes('one') }
      const call = callOf(XID, 'MKDIR', { where, attributes: SET })
      const record = recordOf(call)
      const tries = Array.from({ length: record.length }, async (_, length) => {
        const link = await Wire.open(port)
        link.sendBytes(record.subarray(0, length))
        await link.cut()
      })
      await Promise.all(tries)
      const attributes = await wire.ok(2, 'GETATTR', { object: root })
      assert.is(attributes.obj_attributes.nlink, 2)
      // The last one comes in pieces of one byte.
      for (const byte of record) {
        wire.sendBytes(Uint8Array.of(byte))
        await new Promise(setImmediate)
      }
      const reply = await wire.reply()
      assert.is(statusOf(reply), nfsstat3.NFS3_OK)
      assert.equal(await wire.call(call), reply)
      await wire.cut()
    }),
  ))

test('links of one client whose xids meet are told apart by their arguments', () =>
  withFolder((directory) =>
    withServer(directory, async (port) => {
      const links = await Promise.all(Array.from({ length: 16 }, () => Wire.open(port)))
      const root = await (links[0] as Wire).mount(1)
      const calls = links.map((_, n) =>
        callOf(XID, 'MKDIR', {
          where: { dir: root, name: bytes(`dir ${n}`) },
          attributes: SET,
        }),
      )
      const replies = await Promise.all(links.map((link, n) => link.call(calls[n] as Uint8Array)))
      const made = new Set(replies.map((reply) => resultOf('MKDIR', reply).obj_attributes?.fileid))
      assert.is(made.size, 16)
      // Each link asks again for what another one has done.
      const again = await Promise.all(
        links.map((link, n) => link.call(calls[(n + 5) % 16] as Uint8Array)),
      )
      assert.equal(
        again,
        replies.map((_, n) => replies[(n + 5) % 16]),
      )
      await Promise.all(links.map((link) => link.cut()))
    }),
  ))

test('the same call many times at once, over many connections, is done once', () =>
  withFolder((directory) =>
    withServer(directory, async (port) => {
      const links = await Promise.all(Array.from({ length: 8 }, () => Wire.open(port)))
      const [first] = links as [Wire]
      const root = await first.mount(1)
      const where = { dir: root, name: bytes('one') }
      const call = callOf(XID, 'MKDIR', { where, attributes: SET })
      for (const link of links) link.send(call, call, call)
      const reply = await first.reply()
      assert.is(statusOf(reply), nfsstat3.NFS3_OK)
      // It is answered by now, so every connection gets what the first one got.
      for (const link of links) assert.equal(await link.call(call), reply)
      await Promise.all(links.map((link) => link.cut()))
    }),
  ))

test('another client, or another user of the same, that says the same is somebody else', () =>
  withFolder((directory) =>
    withServer(directory, async (port) => {
      const wire = await Wire.open(port)
      const root = await wire.mount(1)
      const where = { dir: root, name: bytes('one') }
      const call = callOf(XID, 'MKDIR', { where, attributes: SET })
      assert.is(statusOf(await wire.call(call)), nfsstat3.NFS3_OK)
      const other = await Wire.open(port, { localAddress: '127.0.0.2' })
      assert.is(statusOf(await other.call(call)), nfsstat3.NFS3ERR_EXIST)
      await other.cut()
      await wire.cut()
    }),
  ))

test('an async export keeps the reply with the change too', () =>
  withFolder((directory) =>
    withServer(
      directory,
      async (port) => {
        const wire = await Wire.open(port)
        const scene = await setUp(wire)
        const call = await rowCall(wire, 'REMOVE', scene, XID)
        const reply = await wire.call(call)
        // COMMIT waits for everything before it.
        const { obj } = await wire.ok(81, 'CREATE', {
          where: { dir: scene.root, name: bytes('synced') },
          how: { mode: 'GUARDED', attributes: SET },
        })
        await wire.ok(82, 'COMMIT', { file: obj ?? scene.root, offset: 0, count: 0 })
        await crashedCopy(directory, (copy) =>
          withServer(copy, async (other) => {
            const back = await Wire.open(other)
            assert.equal(await back.call(call), reply)
            await back.cut()
          }),
        )
        await wire.cut()
      },
      { durability: 'async' },
    ),
  ))

test('a snapshot that is made or deleted by its directory is so once', () =>
  withFolder((directory) =>
    withServer(directory, async (port) => {
      const wire = await Wire.open(port)
      const root = await wire.mount(1)
      const { object } = await wire.ok(2, 'LOOKUP', {
        what: { dir: root, name: bytes('.snapshots') },
      })
      const where = { dir: object, name: bytes('one') }
      const make = callOf(XID, 'MKDIR', { where, attributes: SET })
      const made = await wire.call(make)
      assert.is(statusOf(made), nfsstat3.NFS3_OK)
      assert.equal(await wire.call(make), made)
      const remove = callOf(XID + 1, 'RMDIR', { object: where })
      const removed = await wire.call(remove)
      assert.is(statusOf(removed), nfsstat3.NFS3_OK)
      await crashedCopy(directory, (copy) =>
        withServer(copy, async (other) => {
          const back = await Wire.open(other)
          assert.equal(await back.call(make), made)
          assert.equal(await back.call(remove), removed)
          await back.cut()
        }),
      )
      await wire.cut()
    }),
  ))

test.run()
