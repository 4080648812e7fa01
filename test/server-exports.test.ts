/** What `serve` is told about exports, at the sockets of a server. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RemoteOperations } from '../src/control/client.ts'
import type { ExportRules } from '../src/server.ts'
import { sys } from './clients/bytes.ts'
import {
  at,
  Client,
  EXPORT,
  GETATTR,
  MKDIR,
  MNT,
  MOUNT,
  RENAME,
  SETATTR,
  withMode,
} from './clients/nfs.ts'
import { type Line, openTcp, servingIn, withServing } from './clients/serving.ts'
import { withFolder } from './store/open-store.ts'

const test = suite('server: exports')

const [ACCES, ROFS] = [13, 30]

/** A server with these rules, and a connection to it. */
async function withRules(
  exports: ExportRules,
  use: (line: Line, directory: string) => Promise<void>,
): Promise<void> {
  await withServing(
    async (port, directory) => {
      const line = await openTcp(port)
      await use(line, directory)
      await line.close()
    },
    { exports },
  )
}

/** What EXPORT lists: paths with their clients. */
async function exported(client: Client): Promise<string[]> {
  const reply = await client.ask([MOUNT, 3, EXPORT])
  const list: string[] = []
  while (reply.word() === 1) {
    const words = [reply.text()]
    while (reply.word() === 1) words.push(reply.text())
    list.push(words.join(' '))
  }
  return list
}

/** Who owns a directory that a client makes. */
async function ownerOf(client: Client, root: Uint8Array, name: string): Promise<number[]> {
  const reply = await client.nfs(MKDIR, [...at(root, name), ...withMode(0o755)])
  assert.is(reply.word(), 1)
  const attributes = (await client.nfs(GETATTR, [reply.opaque()])).words(5)
  return attributes.slice(3)
}

test('by default root of this machine is root, and everybody may mount', () =>
  withRules({}, async (line) => {
    const client = new Client(line)
    assert.equal(await exported(client), ['/'])
    assert.equal(await ownerOf(client, await client.mount('/'), 'dir'), [0, 0])
  }))

test('those who are squashed are the anonymous user', () =>
  withFolder(async (directory) => {
    const rules: [ExportRules, uid: number, owner: number[]][] = [
      [{ squash: 'none' }, 0, [0, 0]],
      [{ squash: 'none' }, 7, [7, 7]],
      [{ squash: 'root', anonuid: 1000, anongid: 2000 }, 0, [1000, 2000]],
      [{ squash: 'root', anonuid: 1000, anongid: 2000 }, 7, [7, 7]],
      [{ squash: 'all', anonuid: 1000, anongid: 2000 }, 7, [1000, 2000]],
      [{ squash: 'all' }, 7, [65_534, 65_534]],
    ]
    for (const [i, [exports, uid, owner]] of rules.entries()) {
      const serve = async (port: number) => {
        const line = await openTcp(port)
        const client = new Client(line, sys(uid, uid), i * 100)
        const root = await client.mount('/')
        // The first of them lets everybody in.
        if (i === 0) await client.nfs(SETATTR, [root, ...withMode(0o777), 0])
        assert.equal(await ownerOf(client, root, `dir${i}`), owner)
        await line.close()
      }
      await servingIn(directory, serve, { exports })
    }
  }))

test('read-only holds for every dataset, and for making snapshots', () =>
  withRules({ readOnly: true }, async (line, directory) => {
    const remote = await RemoteOperations.connect(directory)
    const quota = { bytes: 0, inodes: 0 }
    await remote.datasets.create({ name: 'projects', quota, uid: 0, gid: 0 })
    await remote.close()
    const client = new Client(line)
    for (const path of ['/', '/projects']) {
      const root = await client.mount(path)
      await client.nfs(MKDIR, [...at(root, 'dir'), ...withMode(0o755)], ROFS)
      await client.nfs(RENAME, [...at(root, 'a'), ...at(root, 'b')], ROFS)
      await client.nfs(GETATTR, [root])
      const snapshots = await client.mount(`${path}/.snapshots`)
      await client.nfs(MKDIR, [...at(snapshots, 'one'), ...withMode(0o755)], ROFS)
    }
  }))

test('who is not allowed can neither mount nor use a handle; showmount tells who is', async () => {
  await withFolder(async (directory) => {
    const root = await servingIn(directory, async (port) => {
      const line = await openTcp(port)
      const handle = await new Client(line).mount('/')
      await line.close()
      return handle
    })
    const serve = async (port: number) => {
      const line = await openTcp(port)
      const client = new Client(line)
      assert.equal(await client.told([MOUNT, 3, MNT], '/'), [0, ACCES])
      assert.equal(await client.told([MOUNT, 3, MNT], '/data'), [0, ACCES])
      await client.nfs(GETATTR, [root], ACCES)
      assert.equal(await exported(client), [
        '/ 192.0.2.0/24 2001:db8::1',
        '/data 192.0.2.0/24 2001:db8::1',
      ])
      await line.close()
    }
    const exports = { clients: ['192.0.2.0/24', '2001:db8::1'], aliases: ['/data'] }
    await servingIn(directory, serve, { exports })
  })
  await withRules({ clients: ['127.0.0.0/8'] }, async (line) => {
    await new Client(line).mount('/')
  })
})

test('an alias is the root, and a dataset of its name goes before it', async () => {
  await withFolder(async (directory) => {
    const exports = { aliases: ['/data'] }
    await servingIn(
      directory,
      async (port) => {
        const line = await openTcp(port)
        const client = new Client(line)
        const root = await client.mount('/')
        assert.equal(await client.mount('/data'), root)
        await client.nfs(MKDIR, [...at(root, 'dir'), ...withMode(0o755)])
        assert.equal(await client.mount('/data/dir'), await client.mount('/dir'))
        const remote = await RemoteOperations.connect(directory)
        const quota = { bytes: 0, inodes: 0 }
        await remote.datasets.create({ name: 'data', quota, uid: 0, gid: 0 })
        await remote.close()
        assert.equal(await exported(client), ['/', '/data'])
        assert.not.equal(await client.mount('/data'), root)
        await line.close()
      },
      { exports },
    )
    await servingIn(directory, async () => undefined, { exports }).then(
      () => assert.unreachable(),
      ({ message }) => assert.match(message, /there is a dataset 'data': the alias of \/ needs/),
    )
  })
})

test.run()
