import { readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Disk } from '../../src/store/disk.ts'
import { nodeDisk } from '../../src/store/node-disk.ts'
import { REPLIES_FILE, StoredReplies } from '../../src/store/replies.ts'
import {
  REPLY_CLIENT_BYTES_MAX,
  REPLY_RESULTS_BYTES_MAX,
  REPLY_SLOT_BYTES,
  REPLY_SLOTS,
} from '../../src/store/reply.ts'
import { PowerDisk } from '../crash/power-disk.ts'
import { Random } from '../model/random.ts'
import { withFolder } from './open-store.ts'
import { PowerMoments } from './power-moments.ts'

const test = suite('store/replies')

const AT = { seconds: 5, nseconds: 6 }
const CALL = {
  client: '2001:db8::1',
  ...{ xid: 0xffff_fffe, prog: 100_003, vers: 3, proc: 9, checksum: 0xdead_beef },
}
const RESULTS = Uint8Array.of(0, 0, 0, 0, 1, 2, 3, 4)

async function withReplies<T>(
  folder: string,
  run: (replies: StoredReplies) => Promise<T>,
  disk: Disk = nodeDisk,
): Promise<T> {
  const replies = await StoredReplies.open(disk, folder, (message) => assert.unreachable(message))
  try {
    return await run(replies)
  } finally {
    await replies.close()
  }
}

async function stored(replies: StoredReplies): Promise<void> {
  replies.freeze()
  await replies.write()
}

const numbered = (n: number) => Buffer.from(`results ${n}`)
const told = (replies: StoredReplies) =>
  replies.all().map(({ slot, results }) => `${slot}: ${Buffer.from(results)}`)

test('a slot has these bytes', () =>
  withFolder(async (folder) => {
    await withReplies(folder, async (replies) => {
      replies.keep(1, AT, CALL, RESULTS)
      await stored(replies)
    })
    const bytes = await readFile(join(folder, REPLIES_FILE))
    const slot = bytes.subarray(REPLY_SLOT_BYTES, REPLY_SLOT_BYTES + 36 + 11 + 8)
    const words = [
      '39bfb0a4 000b 0008 00000005 00000006', // crc, lengths, time
      'fffffffe 000186a3 00000003 00000009 deadbeef',
      Buffer.from(CALL.client).toString('hex'),
      '0000000001020304',
    ]
    assert.is(slot.toString('hex'), words.join('').replaceAll(' ', ''))
    assert.is(bytes.length, 2 * REPLY_SLOT_BYTES)
  }))

test('a reply comes back whole', () =>
  withFolder(async (folder) => {
    const longest = {
      ...{ ...CALL, client: 'f'.repeat(REPLY_CLIENT_BYTES_MAX) },
      results: new Uint8Array(REPLY_RESULTS_BYTES_MAX).fill(7),
    }
    await withReplies(folder, async (replies) => {
      replies.keep(0, AT, CALL, RESULTS)
      replies.keep(REPLY_SLOTS - 1, AT, longest, longest.results)
      await stored(replies)
    })
    await withReplies(folder, async (replies) => {
      assert.equal(
        replies.all().map((reply) => ({ ...reply, results: [...reply.results] })),
        [
          { ...CALL, slot: 0, at: AT, results: [...RESULTS] },
          { ...longest, slot: REPLY_SLOTS - 1, at: AT, results: [...longest.results] },
        ],
      )
    })
  }))

test('a slot that is used again has the newer reply, though it is shorter', () =>
  withFolder(async (folder) => {
    await withReplies(folder, async (replies) => {
      replies.keep(3, AT, CALL, Buffer.from('a longer one'))
      await stored(replies)
      replies.keep(3, AT, CALL, Buffer.from('short'))
      await stored(replies)
      assert.equal(told(replies), ['3: short'])
    })
    await withReplies(folder, async (replies) => assert.equal(told(replies), ['3: short']))
  }))

test('what comes after the cut is not written before the next one', () =>
  withFolder(async (folder) => {
    await withReplies(folder, async (replies) => {
      replies.keep(1, AT, CALL, numbered(1))
      replies.freeze()
      replies.keep(1, AT, CALL, numbered(2))
      replies.keep(2, AT, CALL, numbered(3))
      await replies.write()
      assert.is(replies.dirty, 2)
      await withReplies(folder, async (found) => assert.equal(told(found), ['1: results 1']))
      await stored(replies)
      assert.is(replies.dirty, 0)
    })
    await withReplies(folder, async (replies) =>
      assert.equal(told(replies), ['1: results 2', '2: results 3']),
    )
  }))

test('neighbours are written at once, and nothing where nothing changed', () =>
  withFolder(async (folder) => {
    const writes: string[] = []
    const disk: Disk = {
      ...nodeDisk,
      async open(path) {
        const file = await nodeDisk.open(path)
        const write: typeof file.write = (buffers, position) => {
          const slots = buffers.reduce((sum, { length }) => sum + length, 0) / REPLY_SLOT_BYTES
          writes.push(`${slots}@${position / REPLY_SLOT_BYTES}`)
          return file.write(buffers, position)
        }
        return {
          write,
          close: () => file.close(),
          datasync: () => file.datasync(),
          read: (into, position) => file.read(into, position),
          size: () => file.size(),
        } as typeof file
      },
    }
    const used = [0, 1, 2, 10, 100, 101, REPLY_SLOTS - 1]
    await withReplies(
      folder,
      async (replies) => {
        for (const slot of used) replies.keep(slot, AT, CALL, numbered(slot))
        await stored(replies)
        await stored(replies)
      },
      disk,
    )
    assert.equal(writes, ['11@0', '2@100', `1@${REPLY_SLOTS - 1}`])
    await withReplies(folder, async (replies) =>
      assert.equal(
        told(replies),
        used.map((slot) => `${slot}: results ${slot}`),
      ),
    )
  }))

/** Keeps replies in slots 0 to 3, damages the file, and tells what is left. */
async function damaged(damage: (path: string) => Promise<void>) {
  return withFolder(async (folder) => {
    await withReplies(folder, async (replies) => {
      for (let slot = 0; slot < 4; slot++) replies.keep(slot, AT, CALL, RESULTS)
      await stored(replies)
    })
    await damage(join(folder, REPLIES_FILE))
    return withReplies(folder, async (replies) => ({
      left: replies.all().map(({ slot }) => slot),
      damaged: [...replies.damaged],
      found: await replies.findDamaged(),
    }))
  })
}

const flipped = (position: number) =>
  damaged(async (path) => {
    const bytes = await readFile(path)
    bytes[position] = (bytes[position] ?? 0) ^ 0x80
    await writeFile(path, bytes)
  })

for (const [what, at] of [
  ['the checksum', 0],
  ['the length of the address', 4],
  ['the length of the results', 7],
  ['the xid', 16],
  ['the results', 54],
] as const) {
  test(`one bit of ${what} changed: that slot is empty, the others are not`, async () => {
    const rest = await flipped(2 * REPLY_SLOT_BYTES + at)
    assert.equal(rest, { left: [0, 1, 3], damaged: [2], found: [2] })
  })
}

test('a bit behind a reply means nothing', async () => {
  const rest = await flipped(2 * REPLY_SLOT_BYTES + 500)
  assert.equal(rest, { left: [0, 1, 2, 3], damaged: [], found: [] })
})

test('one reply in the place of another is damage', async () => {
  const rest = await damaged(async (path) => {
    const bytes = await readFile(path)
    bytes.copy(bytes, REPLY_SLOT_BYTES, 0, REPLY_SLOT_BYTES)
    await writeFile(path, bytes)
  })
  assert.equal(rest, { left: [0, 2, 3], damaged: [1], found: [1] })
})

test('a file cut short has the slots that are left', async () => {
  const rest = await damaged((path) => truncate(path, 2 * REPLY_SLOT_BYTES + 50))
  assert.equal(rest, { left: [0, 1], damaged: [2], found: [2] })
})

test('a file that cannot be read counts as empty, which is told', () =>
  withFolder(async (folder) => {
    const reports: string[] = []
    const broken: Disk = {
      ...nodeDisk,
      async open(path) {
        const file = await nodeDisk.open(path)
        const size = () => Promise.reject(new Error('EIO'))
        return { close: () => file.close(), size } as unknown as typeof file
      },
    }
    const replies = await StoredReplies.open(broken, folder, (message, error) =>
      reports.push(`${message}: ${error}`),
    )
    assert.equal(replies.all(), [])
    assert.equal(reports, ['the kept replies cannot be read: Error: EIO'])
    await replies.close()
  }))

test('what the log has takes the place of a slot, damaged or not', () =>
  withFolder(async (folder) => {
    await withReplies(folder, async (replies) => {
      for (let slot = 0; slot < 3; slot++) replies.keep(slot, AT, CALL, numbered(slot))
      await stored(replies)
      replies.keep(1, AT, CALL, numbered(7))
      const record = Uint8Array.from(replies.record(1))
      const path = join(folder, REPLIES_FILE)
      const bytes = await readFile(path)
      bytes.fill(0xff, REPLY_SLOT_BYTES, 2 * REPLY_SLOT_BYTES)
      await writeFile(path, bytes)
      await withReplies(folder, async (found) => {
        assert.equal([...found.damaged], [1])
        found.restore(1, record)
        found.restore(2, record)
        assert.equal([...found.damaged], [])
        await stored(found)
        assert.equal(await found.findDamaged(), [])
      })
    })
    await withReplies(folder, async (replies) =>
      assert.equal(told(replies), ['0: results 0', '1: results 7', '2: results 7']),
    )
  }))

test('whenever the power goes, what the log still has makes every slot whole', () =>
  withFolder(async (folder) => {
    const random = new Random(20_260_102)
    let lost = 0
    for (let round = 0; round < 8; round++) {
      const moments = new PowerMoments(random)
      // What changed before the cut is in the log until the write has ended.
      const log = new Map<number, Uint8Array>()
      const begin = async (replies: StoredReplies) => {
        for (let slot = 0; slot < 20; slot++) replies.keep(slot, AT, CALL, numbered(slot))
        await stored(replies)
        moments.take()
        for (let n = 0; n < 10; n++) {
          const slot = random.below(20)
          replies.keep(slot, AT, CALL, numbered(100 + slot))
          log.set(slot, Uint8Array.from(replies.record(slot)))
        }
        await stored(replies)
      }
      await withReplies(folder, begin, moments.disk)
      const newest = Array.from({ length: 20 }, (_, n) => (log.has(n) ? 100 + n : n))
      const expected = newest.map((n, slot) => `${slot}: results ${n}`)
      const recover = async (replies: StoredReplies) => {
        lost += told(replies).filter((one) => !expected.includes(one)).length
        for (const [slot, record] of log) replies.restore(slot, record)
        assert.is(replies.damaged.size, 0)
        assert.equal(told(replies), expected)
      }
      for (const platters of moments.take()) {
        const disk = new PowerDisk(random, () => undefined, platters)
        await withReplies(folder, recover, disk)
      }
    }
    assert.ok(lost > 0, 'the power never went at a bad moment')
  }))

test.run()
