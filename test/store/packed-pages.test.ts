import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { newInode } from '../../src/fs/inode.ts'
import { Cache } from '../../src/store/cache.ts'
import { PackedPages } from '../../src/store/packed-pages.ts'
import { FileType, type Inode, type Page } from '../../src/store/records.ts'
import { type Entry, Table } from '../../src/store/table.ts'
import { inodeSpec, pageSpec } from '../../src/store/tables.ts'

const test = suite('store/packed-pages')

const now = { seconds: 1, nseconds: 0 }
const inode = (): Inode =>
  newInode({ type: FileType.REG, mode: 0o644, uid: 0, gid: 0, now, generation: 1 })
const unchanged = (_ino: number, stored: Inode) => stored
const OWNER = {}

class World {
  readonly cache = new Cache(Number.MAX_SAFE_INTEGER)
  readonly packed: PackedPages
  readonly pages = new Table<string, Page>(1, pageSpec, () => undefined, this.cache)
  readonly inodes = new Table<number, Inode>(1, inodeSpec, () => undefined, this.cache)

  constructor(bytesMax?: number) {
    this.packed = new PackedPages(this.cache, bytesMax)
  }

  /** A page of two names, packed. */
  keep(key: string, first: number, length = 100): Entry<Page> {
    const entry = this.pages.entry(key)
    const inos = [first, first + 1]
    entry.value = inos.map((ino) => {
      return { ino, type: FileType.REG, cookie: ino, name: new Uint8Array([ino]) }
    })
    for (const ino of inos) this.inodes.entry(ino).value = inode()
    const entries = inos.map((ino) => this.inodes.entry(ino))
    const seen = entries.map(({ value }) => value as Inode)
    this.packed.keep(entry, { page: entry.value, entries, seen, owner: OWNER, packed: { length } })
    return entry
  }

  has(entry: Entry<Page>, owner: object = OWNER, current = unchanged): boolean {
    return this.packed.find(entry, owner, current) !== undefined
  }
}

test('finds what was kept, for who has made it', () => {
  const world = new World()
  const entry = world.keep('1/0', 3)
  assert.ok(world.has(entry))
  assert.not.ok(world.has(entry, {}))
  assert.not.ok(world.has(world.pages.entry('1/1')))
})

function set<V>(entry: Entry<V>, value: V | undefined): void {
  entry.value = value
}

const CHANGES: readonly (readonly [string, (world: World, page: Entry<Page>) => void])[] = [
  ['the page is another', (_, page) => set(page, [...(page.value ?? [])])],
  ['the page is gone', (_, page) => set(page, undefined)],
  ['the first inode is another', (world) => set(world.inodes.entry(3), inode())],
  ['the last inode is another', (world) => set(world.inodes.entry(4), inode())],
  ['an inode is gone', (world) => set(world.inodes.entry(4), undefined)],
  ['the cache has forgotten', (world) => world.cache.grow(Number.MAX_SAFE_INTEGER)],
]
for (const [what, change] of CHANGES) {
  test(`finds nothing where ${what}`, () => {
    const world = new World()
    const entry = world.keep('1/0', 3)
    change(world, entry)
    assert.not.ok(world.has(entry))
  })
}

test('finds nothing where data that is not stored yet has changed an inode', () => {
  const world = new World()
  const entry = world.keep('1/0', 3)
  const written = inode()
  assert.not.ok(world.has(entry, OWNER, (ino, stored) => (ino === 4 ? written : stored)))
  assert.ok(world.has(entry))
})

test('an inode that is as it was again, because its change was undone, is as it was', () => {
  const world = new World()
  const entry = world.keep('1/0', 3)
  const before = world.inodes.entry(3).value
  world.inodes.entry(3).value = inode()
  assert.not.ok(world.has(entry))
  world.inodes.entry(3).value = before
  assert.ok(world.has(entry))
})

test('takes no more memory than it may, and keeps what was used last', () => {
  const world = new World(3_000)
  const [first, second] = [world.keep('1/0', 10), world.keep('1/1', 20)]
  const room = world.packed.bytes
  assert.ok(room <= 3_000)
  assert.ok(world.has(first), 'used again')
  const third = world.keep('1/2', 30, 900)
  assert.ok(world.packed.bytes <= 3_000)
  assert.equal(
    [first, second, third].map((entry) => world.has(entry)),
    [true, false, true],
  )
  world.keep('1/2', 30)
  assert.is(world.packed.bytes, room, 'what is replaced takes no room')
})

test('forgets all of it when the cache forgets', () => {
  const world = new World()
  world.keep('1/0', 3)
  assert.ok(world.packed.bytes > 0)
  world.cache.grow(Number.MAX_SAFE_INTEGER)
  assert.is(world.packed.bytes, 0)
})

test.run()
