/**
 * Calls that no client makes, to all programs of a whole server: valid ones, with numbers, lengths,
 * handles and tails of others put into them. The server reports no bug, goes on answering honest
 * calls, and its store is sound.
 *
 * `HOSTILE_CALLS=n` makes so many of them; `HOSTILE_SEED=n` replays those of a seed.
 */
import { createSocket } from 'node:dgram'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RemoteOperations } from '../src/control/client.ts'
import { NLM_VERSIONS, nlmTypes } from '../src/nfs/locks/nlm-types.ts'
import { NFS_V3 } from '../src/nfs/program.ts'
import { MOUNT_PROGRAM, NFS_PROGRAM, NLM_PROG, RQUOTA_PROGRAM } from '../src/rpc/program.ts'
import { startServer } from '../src/server.ts'
import { XdrWriter } from '../src/xdr/writer.ts'
import { withTempDir } from './control/tempdir.ts'
import { Random } from './model/random.ts'
import { bytes } from './nfs/harness.ts'
import { ALL, samples } from './nfs/samples.ts'
import { callOf, messageOf, statusOf, Wire } from './nfs/wire.ts'

const test = suite('hostile calls')

const { HOSTILE_CALLS, HOSTILE_SEED } = process.env
const CALLS = Number(HOSTILE_CALLS ?? 6000)
const SEEDS = HOSTILE_SEED === undefined ? [1, 2] : [Number(HOSTILE_SEED)]
/** Calls on one connection, between two honest ones. */
const BATCH = 20
/** Of the call behind a batch; the others' are smaller. */
const LAST_XID = 0x7000_0000
/** Where what is special about a call begins: its credential, and its arguments after that. */
const HEADER_BYTES = 24

const NUMBERS = [
  0, 1, 2, 3, 4, 5, 7, 8, 63, 64, 65, 255, 256, 1024, 1025, 4096, 0xffff, 0x1_0000, 0x10_0000,
  0x10_0001, 0x7fff_ffff, 0x8000_0000, 0xffff_fff0, 0xffff_ffff, 100_003, 100_005,
]

/** Arguments of NLM_LOCK, which most of its procedures begin alike. */
function lockArgs(vers: (typeof NLM_VERSIONS)[number], fh: Uint8Array): Uint8Array {
  const w = new XdrWriter()
  nlmTypes(vers).lockargs.encode(w, {
    ...{ cookie: bytes('c'), block: true, exclusive: true, reclaim: false, state: 1 },
    alock: { caller_name: 'h', fh, oh: bytes('o'), svid: 1, l_offset: 0n, l_len: 0n },
  })
  return Uint8Array.from(w.finish())
}

/** One valid call of every procedure on each of the files. */
function corpus(files: readonly Uint8Array[]): Uint8Array[] {
  const path = new XdrWriter()
  path.opaque(bytes('/'))
  const pathArgs = Uint8Array.from(path.finish())
  return files.flatMap((file) => [
    ...ALL.map((name) => callOf(1, name, samples[name](file))),
    ...NLM_VERSIONS.flatMap((vers) =>
      Array.from({ length: 24 }, (_, proc) =>
        messageOf(1, NLM_PROG, vers, proc, lockArgs(vers, file)),
      ),
    ),
    ...[0, 1, 2, 3, 4, 5].map((proc) => messageOf(1, MOUNT_PROGRAM, 3, proc, pathArgs)),
    ...[1, 2].map((vers) => messageOf(1, RQUOTA_PROGRAM, vers, 1, pathArgs)),
  ])
}

/** Changes a call in one to three places. */
function mutate(random: Random, calls: readonly Uint8Array[]): Uint8Array {
  let call = Buffer.from(random.pick(calls))
  call.writeUInt32BE(random.below(0x4000_0000), 0)
  for (let i = random.below(3); i >= 0; i--) {
    // Most changes leave the header as it is: what is behind it is of more interest.
    const from = random.oneIn(8) ? 4 : Math.min(HEADER_BYTES, call.length - 4)
    const at = from + 4 * random.below(Math.max(1, (call.length - from) >> 2))
    const kind = random.below(6)
    if (kind <= 1 && at + 4 <= call.length) call.writeUInt32BE(random.pick(NUMBERS), at)
    else if (kind === 2 && at < call.length) call[at + random.below(4)] = random.below(256)
    else if (kind === 3) call = call.subarray(0, at + random.below(4))
    else if (kind === 4) call = Buffer.concat([call, random.bytes(random.below(2000))])
    else {
      const other = random.pick(calls)
      call = Buffer.concat([call.subarray(0, at), other.subarray(Math.min(at, other.length))])
    }
    if (call.length < HEADER_BYTES) return call
  }
  return call
}

/** Sends calls and waits until all are taken: the server may end the connection over one of them. */
async function sendAll(port: number, calls: readonly Uint8Array[], tail: Uint8Array) {
  const wire = await Wire.open(port)
  wire.send(...calls, messageOf(LAST_XID, NFS_PROGRAM, NFS_V3, 0, new Uint8Array(0)))
  wire.sendBytes(tail)
  try {
    while (Buffer.from(await wire.reply()).readUInt32BE(0) !== LAST_XID);
  } catch (error) {
    assert.match(String(error), 'the connection ended')
  }
  await wire.cut()
}

/** An honest call on a connection of its own is answered. */
async function answers(port: number, root: Uint8Array): Promise<void> {
  const wire = await Wire.open(port)
  assert.is(statusOf(await wire.call(callOf(7, 'GETATTR', { object: root }))), 0)
  await wire.cut()
}

/** A file to be maltreated, and the root directory. */
async function filesOf(port: number): Promise<[Uint8Array, Uint8Array]> {
  const wire = await Wire.open(port)
  const root = await wire.mount(1)
  const how = { mode: 'GUARDED', attributes: {} } as const
  const made = await wire.ok(2, 'CREATE', { where: { dir: root, name: bytes('f') }, how })
  await wire.cut()
  return [root, made.obj ?? root]
}

async function attack(port: number, seed: number): Promise<void> {
  const random = new Random(seed)
  const files = await filesOf(port)
  const calls = corpus(files)
  const datagrams = createSocket('udp4')
  try {
    for (let made = 0; made < CALLS; made += BATCH) {
      const batch = Array.from({ length: BATCH }, () => mutate(random, calls))
      for (const call of batch) datagrams.send(call, port, '127.0.0.1')
      await sendAll(port, batch, random.bytes(random.below(100)))
      await answers(port, files[0])
    }
  } finally {
    datagrams.close()
  }
}

for (const seed of SEEDS) {
  test(`no bug, no silence, and a sound store (HOSTILE_SEED=${seed})`, () =>
    withTempDir(async (directory) => {
      const bugs: unknown[] = []
      const serving = await startServer({
        ...{ directory, listen: ['127.0.0.1'], port: 0, mountPort: undefined, portmap: 'off' },
        ...{ durability: 'async', version: '0', udp: true },
        report(message, error) {
          // A call may have asked for news that nobody takes: that is told, and no bug.
          if (!message.includes('cannot be told that')) bugs.push(message, error)
        },
      })
      const remote = await RemoteOperations.connect(directory)
      try {
        await attack(Number(serving.addresses[0]?.split(':')[1]), seed)
        assert.equal(bugs, [])
        const { problems } = await remote.check(() => undefined)
        assert.equal(problems, [])
      } finally {
        await remote.close()
        await serving.stop()
      }
    }))
}

test.run()
