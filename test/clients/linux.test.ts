/**
 * What mount.nfs and the Linux kernel try out before they work, as bytes: versions and programs
 * that are not there, flavors of credentials, and records in many forms. The rest of what Linux
 * does, a real kernel does in test/guest.
 */
import { connect } from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { call, encode, type Item, NONE, Reply, sys } from './bytes.ts'
import {
  Client,
  FSINFO,
  GETATTR,
  MNT,
  MOUNT,
  NFS,
  NULL,
  PROC_UNAVAIL,
  PROG_MISMATCH,
  PROG_UNAVAIL,
  READ,
  WRITE,
} from './nfs.ts'
import { type Line, openTcp, withServing } from './serving.ts'

const test = suite('clients: Linux, before it works')

const NFSACL = 100_227
const [AUTH_TLS, RPCSEC_GSS] = [7, 6]
const [MSG_ACCEPTED, MSG_DENIED] = [0, 1]

async function withLine(use: (line: Line, port: number) => Promise<void>): Promise<void> {
  await withServing(async (port) => {
    const line = await openTcp(port)
    await use(line, port)
    await line.close()
  })
}

test('NULL and COMPOUND of version 4 are answered with the versions that there are', () =>
  withLine(async (line) => {
    const client = new Client(line, NONE)
    // mount.nfs goes on to version 3 on PROG_MISMATCH, and on nothing else.
    for (const proc of [0, 1]) {
      assert.equal(await client.told([NFS, 4, proc]), [PROG_MISMATCH, 3, 3])
    }
    assert.equal(await client.told([NFS, 3, NULL]), [0])
  }))

test('ACLs are a program that is not there, on the connection of NFS, which goes on', () =>
  withLine(async (line) => {
    const client = new Client(line)
    const root = await client.mount('/')
    const [GETACL, SETACL] = [1, 2]
    for (const vers of [3, 2]) {
      assert.equal(await client.told([NFSACL, vers, NULL]), [PROG_UNAVAIL])
      assert.equal(await client.told([NFSACL, vers, GETACL], root, 0x0f), [PROG_UNAVAIL])
      assert.equal(await client.told([NFSACL, vers, SETACL], root, 0x0f, 0), [PROG_UNAVAIL])
    }
    await client.nfs(FSINFO, [root])
  }))

test('a procedure that no version 3 has is PROC_UNAVAIL', () =>
  withLine(async (line) => {
    const client = new Client(line)
    assert.equal(await client.told([NFS, 3, 22]), [PROC_UNAVAIL])
    assert.equal(await client.told([MOUNT, 3, 6]), [PROC_UNAVAIL])
  }))

test('MNT tells which flavors are served', () =>
  withLine(async (line) => {
    const reply = await new Client(line).ask([MOUNT, 3, MNT], '/')
    assert.is(reply.word(), 0)
    assert.ok(reply.opaque().length <= 56)
    assert.equal(reply.words(3), [2, 1, 0])
    assert.is(reply.left, 0)
  }))

test('AUTH_NONE may look around, as nobody', () =>
  withLine(async (line) => {
    const root = await new Client(line).mount('/')
    const nobody = new Client(line, NONE, 0x700)
    await nobody.nfs(FSINFO, [root])
    await nobody.nfs(GETATTR, [root])
    await nobody.nfs(9, [root, 'dir', 0, 0, 0, 0, 0, 0], 13)
  }))

test('TLS is probed for by NULL, whose answer does not say STARTTLS; calls are refused', () =>
  withLine(async (line) => {
    const root = await new Client(line).mount('/')
    for (const flavor of [AUTH_TLS, RPCSEC_GSS, 390_003]) {
      const credential: Item[] = [flavor, '']
      const probe = new Reply(await line.call(call(5, [NFS, 3, NULL], credential)))
      // xid, REPLY, MSG_ACCEPTED, an empty AUTH_NONE verifier, SUCCESS
      assert.equal(probe.words(6), [5, 1, MSG_ACCEPTED, 0, 0, 0])
      const refused = new Reply(await line.call(call(6, [NFS, 3, GETATTR], credential, root)))
      const [AUTH_ERROR, AUTH_TOOWEAK] = [1, 5]
      assert.equal(refused.words(5), [6, 1, MSG_DENIED, AUTH_ERROR, AUTH_TOOWEAK])
      assert.is(refused.left, 0)
    }
  }))

test('another version of RPC is refused with the one that there is', () =>
  withLine(async (line) => {
    const reply = new Reply(await line.call(encode(5, 0, 3, NFS, 3, NULL, 0, '', 0, '')))
    const RPC_MISMATCH = 0
    assert.equal(reply.words(6), [5, 1, MSG_DENIED, RPC_MISMATCH, 2, 2])
  }))

/** A record in fragments of these lengths, and the last with what remains. */
function fragments(message: Uint8Array, ...lengths: readonly number[]): Buffer {
  const pieces: Buffer[] = []
  let start = 0
  for (const length of lengths) {
    pieces.push(Buffer.from(encode(length)), Buffer.from(message.subarray(start, start + length)))
    start += length
  }
  const rest = message.subarray(start)
  return Buffer.concat([...pieces, encode(0x8000_0000 + rest.length), rest])
}

/** Sends bytes as they are. @returns the first reply, of one fragment */
async function exchange(port: number, bytes: Uint8Array): Promise<Reply> {
  const socket = connect({ port, host: '127.0.0.1' })
  socket.write(bytes)
  let got = Buffer.alloc(0)
  for await (const piece of socket) {
    got = Buffer.concat([got, piece])
    if (got.length < 4 || got.length < 4 + (got.readUInt32BE(0) & 0x7fff_ffff)) continue
    socket.destroy()
    return new Reply(got.subarray(4))
  }
  throw new Error('the connection ended without a reply')
}

test('a record comes in any fragments, of one byte and of none', () =>
  withLine(async (line, port) => {
    const root = await new Client(line).mount('/')
    const getattr = call(8, [NFS, 3, GETATTR], sys(0, 0), root)
    for (const lengths of [
      [],
      [0],
      [4],
      [1, 0, 1, 0],
      [getattr.length],
      Array(getattr.length).fill(1),
      [10, 10, 10, 10, 10],
    ]) {
      const reply = await exchange(port, fragments(getattr, ...lengths))
      assert.equal([reply.accepted(8), reply.word(), reply.word()], [0, 0, 2], `${lengths}`)
    }
  }))

test('a WRITE of 1 MiB comes in fragments that fit nothing, and is read back', () =>
  withLine(async (line, port) => {
    const client = new Client(line)
    const file = await client.create(await client.mount('/'), 'file')
    const data = Uint8Array.from({ length: 1024 * 1024 }, (_, i) => (i * 7919) >> 3)
    const write = call(9, [NFS, 3, WRITE], sys(0, 0), file, 0n, data.length, 2, data)
    const lengths = Array(Math.floor(write.length / 9973)).fill(9973)
    const reply = await exchange(port, fragments(write, ...lengths))
    assert.equal([reply.accepted(9), reply.word()], [0, 0])
    reply.wcc()
    assert.equal(reply.words(2), [data.length, 2])
    const read = await client.nfs(READ, [file, 0n, data.length])
    read.attributes()
    assert.equal(read.words(2), [data.length, 1])
    assert.is(Buffer.compare(read.opaque(), data), 0)
  }))

test.run()
