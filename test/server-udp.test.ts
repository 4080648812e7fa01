/** NFS over UDP at the sockets of a server: sizes, what comes twice, and that it has to be asked for. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { openEndpoints, servicesOf } from '../src/endpoints.ts'
import { BusyPoll } from '../src/rpc/busypoll.ts'
import { Dispatcher } from '../src/rpc/dispatch.ts'
import { RecordBuffers } from '../src/xdr/buffers.ts'
import { call, Reply, sys } from './clients/bytes.ts'
import {
  at,
  Client,
  DUMP,
  FSINFO,
  MKDIR,
  MOUNT,
  NFS,
  NULL,
  PROG_UNAVAIL,
  READ,
  READDIR,
  READDIRPLUS,
  SYSTEM_ERR,
  WRITE,
  withMode,
  ZERO8,
} from './clients/nfs.ts'
import { type Line, openTcp, openUdp, servingIn, withServing } from './clients/serving.ts'
import { withFolder } from './store/open-store.ts'

const test = suite('server: NFS over UDP')

const KIB = 1024
const FILE_SYNC = 2
const EXIST = 17

async function over<T>(open: Promise<Line>, use: (client: Client) => Promise<T>): Promise<T> {
  const line = await open
  try {
    return await use(new Client(line))
  } finally {
    await line.close()
  }
}

test('it is there only where it was asked for; MOUNT is there in any case', async () => {
  await withServing((port) =>
    over(openUdp(port), async (client) => {
      assert.equal(await client.told([NFS, 3, NULL]), [PROG_UNAVAIL])
      await client.mount('/')
    }),
  )
  await withServing(
    (port) =>
      over(openUdp(port), async (client) => {
        assert.equal(await client.told([NFS, 3, NULL]), [0])
        // Version 4 is as little there as over TCP.
        assert.equal(await client.told([NFS, 4, NULL]), [2, 3, 3])
        await client.mount('/')
      }),
    { udp: true },
  )
})

/** rtmax, rtpref, wtmax, wtpref and dtpref. */
async function sizes(client: Client): Promise<number[]> {
  const reply = await client.nfs(FSINFO, [await client.mount('/')])
  reply.attributes()
  const [rtmax, rtpref, , wtmax, wtpref, , dtpref] = reply.words(7)
  return [rtmax ?? 0, rtpref ?? 0, wtmax ?? 0, wtpref ?? 0, dtpref ?? 0]
}

test('FSINFO tells what a datagram carries, and over TCP what a record does', () =>
  withServing(
    async (port) => {
      const small = Array(5).fill(32 * KIB)
      assert.equal(await over(openUdp(port), sizes), small)
      const large = [...Array(4).fill(1024 * KIB), 64 * KIB]
      assert.equal(await over(openTcp(port), sizes), large)
    },
    { udp: true },
  ))

test('a READ that asks for more gets 32 KiB, and a WRITE as large as a datagram is taken', () =>
  withServing(
    (port) =>
      over(openUdp(port), async (client) => {
        const file = await client.create(await client.mount('/'), 'file')
        const data = Uint8Array.from({ length: 60 * KIB }, (_, i) => (i * 7919) >> 3)
        const wrote = await client.nfs(WRITE, [file, 0n, data.length, FILE_SYNC, data])
        wrote.wcc()
        assert.equal(wrote.words(2), [data.length, FILE_SYNC])
        const read = await client.nfs(READ, [file, 0n, data.length])
        read.attributes()
        assert.equal(read.words(2), [32 * KIB, 0])
        assert.is(Buffer.compare(read.opaque(), data.subarray(0, 32 * KIB)), 0)
        const rest = await client.nfs(READ, [file, BigInt(32 * KIB), data.length])
        rest.attributes()
        assert.equal(rest.words(2), [28 * KIB, 1])
      }),
    { udp: true },
  ))

/** How many entries each page has, and how long the longest is. */
async function pages(client: Client, dir: Uint8Array, plus: boolean) {
  let cookie = 0n
  let longest = 0
  const names: string[] = []
  for (let eof = 0; eof === 0; ) {
    const counts = plus ? [100 * KIB, 100 * KIB] : [100 * KIB]
    const page = await client.nfs(plus ? READDIRPLUS : READDIR, [dir, cookie, ZERO8, ...counts])
    longest = Math.max(longest, page.left)
    page.attributes()
    page.skip(8)
    while (page.word() === 1) {
      page.skip(8)
      names.push(page.text())
      cookie = page.long()
      if (!plus) continue
      page.attributes()
      if (page.word() === 1) page.opaque()
    }
    eof = page.word()
  }
  return { names, longest }
}

test('directories come in pages of 32 KiB at most, whatever is asked', () =>
  withServing(
    (port) =>
      over(openUdp(port), async (client) => {
        const dir = await client.mount('/')
        const made = Array.from({ length: 200 }, (_, i) => `${i}`.padStart(200, 'n'))
        for (const name of made) await client.create(dir, name)
        for (const plus of [false, true]) {
          const { names, longest } = await pages(client, dir, plus)
          assert.equal(names.sort(), ['.', '..', ...made].sort())
          assert.ok(longest > 24 * KIB && longest <= 32 * KIB, `${longest} bytes`)
        }
      }),
    { udp: true },
  ))

test('a call that comes again is done once, from any port, over TCP, and after a restart', () =>
  withFolder(async (directory) => {
    const again: Uint8Array[] = []
    const mkdir = await servingIn(
      directory,
      async (port) => {
        const root = await over(openTcp(port), (client) => client.mount('/'))
        const message = call(7, [NFS, 3, MKDIR], sys(0, 0), root, 'made', ...withMode(0o755))
        for (const open of [openUdp, openUdp, openTcp]) {
          const line = await open(port)
          again.push(await line.call(message), await line.call(message))
          await line.close()
        }
        // Another xid is another call.
        await over(openUdp(port), (client) =>
          client.nfs(MKDIR, [...at(root, 'made'), ...withMode(0o755)], EXIST),
        )
        return message
      },
      { udp: true },
    )
    await servingIn(
      directory,
      async (port) => {
        const line = await openUdp(port)
        again.push(await line.call(mkdir))
        await line.close()
      },
      { udp: true },
    )
    const first = new Reply(again[0] ?? new Uint8Array())
    assert.equal([first.accepted(7), first.word()], [0, 0])
    for (const reply of again) assert.equal(reply, again[0])
    assert.is(again.length, 7)
  }))

test('a list that no datagram carries is SYSTEM_ERR, and over TCP it is told', () =>
  withServing(async (port) => {
    const paths = Array.from({ length: 100 }, (_, i) => `/${'./'.repeat(400 + i)}`)
    await over(openTcp(port), async (client) => {
      for (const path of paths) await client.mount(path)
      const list = await client.ask([MOUNT, 3, DUMP])
      for (const path of paths) {
        assert.equal([list.word(), list.text(), list.text()], [1, '127.0.0.1', path])
      }
      assert.equal([list.word(), list.left], [0, 0])
    })
    await over(openUdp(port), async (client) => {
      assert.equal(await client.told([MOUNT, 3, DUMP]), [SYSTEM_ERR])
      await client.mount('/')
    })
  }))

test('a portmapper is told of it, on each address', async () => {
  const dispatcher = new Dispatcher([], () => assert.unreachable())
  for (const [udp, mountPort] of [
    [true, undefined],
    [true, 0],
    [false, undefined],
  ] as const) {
    const endpoints = await openEndpoints({
      ...{ hosts: ['127.0.0.1', '::1'], port: 0, mountPort, udp, dispatcher },
      ...{ mountDispatcher: dispatcher, lockDispatcher: dispatcher },
      budget: { used: 0, max: 1 },
      buffers: new RecordBuffers(new Uint8Array(0)),
      busyPoll: new BusyPoll(0, () => 0),
    })
    const services = servicesOf(endpoints)
    const told = services.filter(({ prog }) => prog === NFS)
    const families = [
      ['127.0.0.1', ''],
      ['::1', '6'],
    ]
    const expected = families.flatMap(([host, family]) =>
      (udp ? ['tcp', 'udp'] : ['tcp']).map((one) => `${one}${family} ${host} ${endpoints.port}`),
    )
    const text = ({ netid, host, port }: (typeof services)[number]) => `${netid} ${host} ${port}`
    assert.equal(told.map(text), expected)
    // What is told is what is open.
    const open = endpoints.sockets.map(
      ({ transport, host, port }) => `${transport}${host === '::1' ? '6' : ''} ${host} ${port}`,
    )
    for (const one of services) assert.ok(open.includes(text(one)), text(one))
    await Promise.all(endpoints.sockets.map((socket) => socket.close(0)))
  }
})

test.run()
