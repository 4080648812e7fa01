/**
 * What a restore inside the file system costs, in counters: no block of data is read, written, or
 * allocated, whatever comes back.
 *
 * The sizes are such as every run can bear. `RESTORE_MIB=10240 RESTORE_FILES=100000` makes those that
 * the README speaks of: a file of 10 GiB, every block of it written, and a tree of 100,000 files.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { BLOCK_BYTES } from '../../src/store/records.ts'
import { assertSound } from '../check/assert-sound.ts'
import type { Client } from '../fs/client.ts'
import { withFolder } from '../store/open-store.ts'
import { blocks, type Subject, WatchedDisk, withOpened } from './harness.ts'

const test = suite('snapshot/restore: counters')

const { RESTORE_MIB, RESTORE_FILES } = process.env
const MIB = Number(RESTORE_MIB ?? 160)
const FILES = Number(RESTORE_FILES ?? 3000)
const FILES_OF_A_DIRECTORY = 250
const BLOCKS_OF_A_MIB = 2 ** 20 / BLOCK_BYTES
/** MiB that are written before the disk is waited for. */
const MIB_AT_ONCE = 16

/** What is counted: calls that read and write files of blocks, and blocks allocated. */
class Counters {
  readonly #disk: WatchedDisk
  #allocated = 0

  constructor({ store: { spaceMap } }: Subject, disk: WatchedDisk) {
    this.#disk = disk
    const allocate = spaceMap.allocate.bind(spaceMap)
    spaceMap.allocate = (count) => {
      this.#allocated += count
      return allocate(count)
    }
  }

  get all(): object {
    const { reads, writes } = this.#disk
    return { reads, writes, allocated: this.#allocated }
  }
}

async function counted(
  body: (subject: Subject, counters: Counters) => Promise<void>,
): Promise<void> {
  const disk = new WatchedDisk()
  const run = async (subject: Subject) => {
    await body(subject, new Counters(subject, disk))
    await idle(subject)
    await assertSound(subject.store)
  }
  await withFolder((directory) => withOpened(directory, run, { disk }))
}

/** Nothing is on its way to the disk, or waits to be freed. */
async function idle({ store, live, reclaimer }: Subject): Promise<void> {
  live.data.settleAll()
  while (reclaimer.step()) await store.flush()
  await store.flush()
  await store.blocks.settled()
  await store.checkpoint()
}

/** Restores, and finds that no counter has moved, the blocks in use included. */
async function restoredFree(
  subject: Subject,
  counters: Counters,
  restore: () => Promise<{ readonly bytes: number; readonly failed: readonly unknown[] }>,
): Promise<number> {
  await idle(subject)
  const before = { ...counters.all, used: subject.used }
  const { bytes, failed } = await restore()
  assert.equal(failed, [])
  await subject.store.flush()
  assert.is(subject.store.blocks.queuedBytes, 0)
  assert.equal({ ...counters.all, used: subject.used }, before)
  return bytes
}

async function writeDense({ client, store }: Subject, seed: number): Promise<void> {
  for (let i = 0; i < MIB; i++) {
    await client.write('dense', i * 2 ** 20, blocks(BLOCKS_OF_A_MIB, (seed + i) & 0xff))
    if (i % MIB_AT_ONCE < MIB_AT_ONCE - 1) continue
    client.fs.commit(client.cred, client.id('dense'))
    await store.flush()
  }
  client.fs.commit(client.cred, client.id('dense'))
}

test(`a file of ${MIB} MiB comes back without a block read, written or allocated`, () =>
  counted(async (subject, counters) => {
    const { client, snapshots } = subject
    client.create('dense')
    await writeDense(subject, 1)
    snapshots.create('s')
    await writeDense(subject, 2)
    const over = () => subject.restore('s', 'dense')
    assert.is(await restoredFree(subject, counters, over), MIB * 2 ** 20)
    assert.is((await client.read('dense', 5 * 2 ** 20, 1))[0], 6)
    client.remove('dense')
    const again = () => subject.restore('s', 'dense')
    assert.is(await restoredFree(subject, counters, again), MIB * 2 ** 20)
    const last = (MIB - 1) * 2 ** 20
    assert.is((await client.read('dense', last, 1))[0], MIB & 0xff)
    assert.is(client.stat('dense').used, MIB * 2 ** 20)
  }))

const directoryOf = (i: number): string => `tree/${Math.floor(i / FILES_OF_A_DIRECTORY)}`
const fileOf = (i: number): string => `${directoryOf(i)}/${i}`

/** Files of a block; each tenth is small enough to lie in its record. */
async function writeTree({ client, store }: Subject, seed: number): Promise<void> {
  if (!client.has('tree')) client.mkdir('tree')
  for (let i = 0; i < FILES; i++) {
    if (!client.has(directoryOf(i))) client.mkdir(directoryOf(i))
    if (!client.has(fileOf(i))) client.create(fileOf(i))
    const length = i % 10 === 0 ? 100 : BLOCK_BYTES
    await client.write(fileOf(i), 0, new Uint8Array(length).fill((seed + i) & 0xff))
    if (i % 1000 === 999) await store.flush()
  }
}

/** @returns how many of the files do not begin with what they were given */
async function othersOf(client: Client, seed: number): Promise<number> {
  let others = 0
  for (let i = 0; i < FILES; i++) {
    if ((await client.read(fileOf(i), 0, 1))[0] !== ((seed + i) & 0xff)) others++
  }
  return others
}

test(`a tree of ${FILES} files comes back without a block read, written or allocated`, () =>
  counted(async (subject, counters) => {
    const { client, snapshots } = subject
    await writeTree(subject, 1)
    snapshots.create('s')
    await writeTree(subject, 2)
    assert.is(await othersOf(client, 1), FILES)
    const over = () => subject.restore('s', 'tree', { overwrite: 'always' })
    await restoredFree(subject, counters, over)
    assert.is(await othersOf(client, 1), 0)
    for (let i = 0; i < FILES; i++) client.remove(fileOf(i))
    for (const name of client.names('tree')) client.rmdir(`tree/${name}`)
    client.rmdir('tree')
    await restoredFree(subject, counters, () => subject.restore('s', 'tree'))
    assert.is(await othersOf(client, 1), 0)
  }))

test.run()
