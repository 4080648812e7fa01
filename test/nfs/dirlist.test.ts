import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FsError } from '../../src/fs/error.ts'
import type { DirectoryEntry, Packing } from '../../src/fs/filesystem.ts'
import { EntryPacker, PackedEntries } from '../../src/nfs/dirlist.ts'
import { FileHandles, HANDLE_KEY_BYTES } from '../../src/nfs/fhandle.ts'
import { Client, ROOT } from '../fs/client.ts'
import { type LiveSubject, withLive } from '../fs/harness.ts'

const test = suite('nfs/dirlist: packed listings')

const handles = new FileHandles(new Uint8Array(HANDLE_KEY_BYTES).fill(7))

interface Reply {
  readonly bytes: string
  readonly eof: boolean
  /** Behind the last entry. */
  readonly cookie: number
}

/** A reply to READDIRPLUS, with entries out of packed pages or each on its own. */
function reply(
  { fs }: LiveSubject,
  dir: Client,
  cookie: number,
  limits: { readonly maxcount: number; readonly dircount: number },
  packed: boolean,
): Reply | 'TOOSMALL' {
  const packer = new EntryPacker(handles, limits.maxcount, limits.dircount)
  const emit = (entry: DirectoryEntry) => packer.addPlus(entry)
  const packing: Packing | undefined = packed ? packer : undefined
  const result = fs.readdir(ROOT, dir.start, cookie, true, emit, packing)
  try {
    const { entries, eof } = packer.finish(result)
    assert.instance(entries, PackedEntries)
    const bytes = Buffer.from((entries as PackedEntries).bytes)
    return { bytes: bytes.toString('hex'), eof, cookie: lastCookie(bytes, cookie) }
  } catch (error) {
    if (error instanceof FsError) return 'TOOSMALL'
    throw error
  }
}

/** The cookie of the last entry, all of which have attributes and a handle. */
function lastCookie(bytes: Buffer, before: number): number {
  let cookie = before
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at + 12)
    const end = at + 16 + length + (-length & 3)
    cookie = Number(bytes.readBigUInt64BE(end))
    at = end + 8 + 4 + 84 + 4 + 4 + 32
  }
  return cookie
}

/** Lists the directory both ways with replies of one size: they must be the same to the byte. */
function compare(
  subject: LiveSubject,
  dir: Client,
  limits: { readonly maxcount: number; readonly dircount: number },
): void {
  for (let cookie = 0, eof = false; !eof; ) {
    const expected = reply(subject, dir, cookie, limits, false)
    assert.equal(reply(subject, dir, cookie, limits, true), expected)
    if (expected === 'TOOSMALL') return
    cookie = expected.cookie
    eof = expected.eof
  }
}

const FILES = 80
const name = fc.integer({ min: 0, max: FILES }).map((n) => `${'f'.repeat(1 + (n % 5))}${n}`)
const change = fc.record({
  what: fc.constantFrom('create', 'write', 'chmod', 'cut', 'remove', 'rename', 'link', 'settle'),
  name,
  other: name,
})

async function apply(
  { live, store }: LiveSubject,
  dir: Client,
  { what, name: at, other }: { what: string; name: string; other: string },
): Promise<void> {
  if (what === 'create') dir.create(at)
  else if (what === 'write') await dir.write(at, 0, Buffer.from(`${at} ${other}`))
  else if (what === 'chmod') dir.set(at, { mode: other.length })
  else if (what === 'cut') dir.set(at, { size: other.length })
  else if (what === 'remove') dir.remove(at)
  else if (what === 'rename') dir.rename(at, other)
  else if (what === 'link') dir.link(at, other)
  else {
    live.data.settleAll()
    await store.flush()
  }
}

test('what is packed is what would be told, whatever was changed', async () => {
  const sizes = fc.record({
    maxcount: fc.integer({ min: 200, max: 9_000 }),
    dircount: fc.integer({ min: 0, max: 2_000 }),
  })
  const steps = fc.array(fc.record({ change, sizes }), { minLength: 30, maxLength: 60 })
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      await withLive(async (subject) => {
        const root = new Client(subject.fs, subject.root)
        const dir = new Client(subject.fs, root.mkdir('dir'))
        for (let i = 0; i < FILES; i += 2) dir.create(`${'f'.repeat(1 + (i % 5))}${i}`)
        for (const { change: step, sizes: limits } of all) {
          try {
            await apply(subject, dir, step)
          } catch (error) {
            if (!(error instanceof FsError)) throw error
          }
          compare(subject, dir, limits)
        }
      })
    }),
    { seed: 1, numRuns: 10 },
  )
})

test('a listing that comes again is not packed again', async () => {
  await withLive(async (subject) => {
    const root = new Client(subject.fs, subject.root)
    const dir = new Client(subject.fs, root.mkdir('dir'))
    for (let i = 0; i < FILES; i++) dir.create(`f${i}`)
    const packs: number[] = []
    const list = () => {
      const packer = new EntryPacker(handles, 1024 * 1024)
      const packing: Packing = {
        owner: packer.owner,
        pack: (entries) => {
          packs.push(entries.length)
          return packer.pack(entries)
        },
        take: (run, from) => packer.take(run, from),
      }
      subject.fs.readdir(ROOT, dir.start, 0, true, (entry) => packer.addPlus(entry), packing)
    }
    list()
    assert.is(
      packs.reduce((sum, count) => sum + count, 0),
      FILES,
    )
    packs.length = 0
    list()
    assert.equal(packs, [])
    dir.set('f3', { mode: 0o600 })
    list()
    assert.is(packs.length, 1, 'only the page of what was changed')
  })
})

test.run()
