/** A content: its chunks, against the file whose data it is. */
import { chunkLimit, chunkUsed } from '../fs/chunks.ts'
import { Kind } from '../store/keys.ts'
import {
  BLOCK_BYTES,
  CHUNK_BLOCKS,
  CHUNK_BYTES,
  type Chunk,
  INLINE_BYTES_MAX,
  type Orphan,
} from '../store/records.ts'
import { inodeSpec, orphanSpec } from '../store/tables.ts'
import { BitmapsCheck } from './bitmaps.ts'
import type { BlocksCheck, Tail } from './blocks.ts'
import { count } from './describe.ts'
import type { Owner } from './facts.ts'
import { readLive } from './reader.ts'
import type { References } from './references.ts'
import { isEmpty, overlap, pieces, type Span, Tally, union } from './spans.ts'
import type { Chain, Chains, Version, View } from './view.ts'

/** What a chunk costs, in looks at a record. */
const CHUNK_LOOKS = 4

export class ContentCheck {
  readonly #view: View
  readonly #content: number
  readonly #owners: readonly Owner[]
  readonly #used = new Tally()
  /** What is to be freed ended then for everybody, whenever that is done. */
  readonly #orphan: Orphan | undefined
  /** Whether there are chunks now. */
  #isLive = false

  /** @param owners the files whose content it is, in any of their states */
  constructor(view: View, content: number, owners: readonly Owner[]) {
    this.#view = view
    this.#content = content
    this.#owners = owners.filter((owner) => !isEmpty(owner))
    this.#orphan = readLive(view.database, view.id, orphanSpec, content)?.value
  }

  /** Goes through the content's chunks, up to the first that is another one's. */
  async run(
    chunks: Chains<Chunk>,
    bitmaps: readonly Chain<Uint8Array>[],
    blocks: BlocksCheck,
    references: References,
  ): Promise<void> {
    const tell = (text: string, span: Span): void => this.#tell(text, span)
    if (await this.#isOrigins()) {
      while (chunks.head !== undefined && chunks.owner === this.#content) await chunks.next()
      return
    }
    // In the past of a content that was nobody's, or nobody's any more, nobody looks.
    const { live } = this.#view.timeline
    const during = union([...this.#owners, { from: live, to: live + 1 }])
    const check = new BitmapsCheck(bitmaps, during, 'chunk', tell)
    for (; chunks.head !== undefined && chunks.owner === this.#content; await chunks.next()) {
      const { key, versions } = chunks.head
      const index = Number(String(key).split('/')[1])
      if (index > 0) check.exists(index, versions)
      references.addChunk(versions, this.#view.first)
      this.#view.written.addChunk(versions)
      for (const version of versions) this.#version(index, version)
      await this.#view.pace.step(versions.length * CHUNK_LOOKS)
      await blocks.chunk(
        index,
        versions,
        this.#view.first,
        (version) => this.#tails(index, version),
        tell,
      )
    }
    check.end()
    this.#usedBytes()
    this.#belongs()
  }

  /**
   * A clone sees what nobody had in its snapshot: a file that was being freed, or restored. That is
   * its origin's affair.
   */
  async #isOrigins(): Promise<boolean> {
    if (this.#view.inherited === undefined || this.#owners.length > 0) return false
    if (this.#orphan !== undefined) return false
    const hasOwn =
      (await this.#view.hasOwn(Kind.CHUNK, this.#content)) ||
      (await this.#view.hasOwn(Kind.BITMAP, this.#content))
    return !hasOwn
  }

  /** Speaks of the file that has the content then, or of the content where there is none. */
  #tell(text: string, span: Span): void {
    const owners = this.#owners.filter((owner) => !isEmpty(overlap(owner, span)))
    const ino = (owners.find(({ to }) => to > this.#view.timeline.live) ?? owners[0])?.ino
    const states = owners.filter((owner) => owner.ino === ino).map((own) => overlap(own, span))
    const during = union(states).at(-1)
    if (during !== undefined) this.#view.problem(text, ino, during)
    else this.#view.problem(`content ${this.#content}, which is no file's: ${text}`)
  }

  #version(index: number, version: Version<Chunk>): void {
    const { value: chunk } = version
    const fault = chunkFault(index, chunk, version.birth)
    if (fault !== undefined) this.#tell(`chunk ${index} ${fault}`, version)
    if (version.to > this.#view.timeline.live) this.#isLive = true
    this.#used.add(version, chunkUsed(chunk))
    this.#outlives(index, version)
    for (const owner of this.#owners) {
      const during = overlap(owner, version)
      if (isEmpty(during) || !isBeyond(index, chunk, owner.size)) continue
      this.#tell(`chunk ${index} reaches beyond its end at byte ${owner.size}`, during)
    }
  }

  /**
   * A snapshot does not hold what its file had let go of by then. (It may hold what a restore was
   * about to give to a file.)
   */
  #outlives(index: number, version: Version<Chunk>): void {
    const { timeline } = this.#view
    const gone = Math.max(...this.#owners.map(({ to }) => to))
    const end = Math.min(version.end, this.#orphan?.end ?? version.end)
    const held = overlap(timeline.span(version.birth, end), { from: gone, to: timeline.live })
    if (this.#owners.length === 0 || isEmpty(held)) return
    const { ino } = this.#owners[0] ?? { ino: 0 }
    const text = `chunk ${index} of content ${this.#content}, once its own, is still held`
    this.#view.problem(text, ino, held)
  }

  /** The blocks in which the file ends, with the states in which it ends just there. */
  #tails(index: number, version: Version<Chunk>): Tail[] {
    const tails = new Map<number, Tail>()
    for (const owner of this.#owners) {
      const during = overlap(owner, version)
      const end = owner.size - index * CHUNK_BYTES
      const slot = Math.floor(end / BLOCK_BYTES)
      const length = end - slot * BLOCK_BYTES
      if (isEmpty(during) || end < 0 || length === 0) continue
      if ((version.value.address[slot] ?? 0) !== 0) tails.set(end, { ...during, slot, length })
    }
    return [...tails.values()]
  }

  #usedBytes(): void {
    for (const owner of this.#owners) {
      for (const { span, count: used } of this.#used.within(owner)) {
        if (used === owner.used) continue
        const text = `its used is ${owner.used}, and its data takes ${used}`
        const versions = this.#view.versions(inodeSpec, owner.ino)
        const version = versions.find(({ from, to }) => from === owner.from && to === owner.to)
        const done = `its used is now ${used}`
        const repair = this.#view.inodeRepair(owner.ino, version, span, done, { used })
        this.#view.problem(text, owner.ino, span, repair)
      }
    }
  }

  /** One file at a time has the content, or it is to be freed. */
  #belongs(): void {
    const { live } = this.#view.timeline
    for (const span of pieces(this.#owners)) {
      const inos = this.#owners.filter((owner) => !isEmpty(overlap(owner, span)))
      const [first, second] = new Set(inos.map(({ ino }) => ino))
      if (first === undefined || second === undefined) continue
      this.#view.problem(`its content ${this.#content} is that of inode ${second} too`, first, span)
    }
    if (!this.#isLive) return
    const owner = this.#owners.find(({ to }) => to > live)
    if (owner === undefined && this.#orphan === undefined) {
      this.#view.problem(`content ${this.#content} is no file's, and nothing frees it`)
    }
    if (owner !== undefined && this.#orphan !== undefined) {
      this.#view.problem(`its content ${this.#content} is to be freed`, owner.ino, owner)
    }
  }
}

/** What is wrong with a chunk, whatever file it is of. @param epoch in which it was written */
function chunkFault(index: number, chunk: Chunk, epoch: number): string | undefined {
  if (chunk.inline !== undefined) {
    if (index > 0) return 'holds its bytes itself, which only the first may'
    const { length } = chunk.inline
    return length < 1 || length > INLINE_BYTES_MAX ? `holds ${count(length, 'byte')}` : undefined
  }
  const { length } = chunk.address
  if (length > CHUNK_BLOCKS) return `has ${count(length, 'block')}`
  if ((chunk.address[length - 1] ?? 0) === 0) return 'does not end with a block'
  for (let slot = 0; slot < length; slot++) {
    const address = chunk.address[slot] ?? 0
    const birth = chunk.birth[slot] ?? 0
    if (!Number.isSafeInteger(address)) return `has an impossible block in slot ${slot}`
    if (address > 0 && (birth < 1 || birth > epoch)) {
      return `of epoch ${epoch} has a block of epoch ${birth} in slot ${slot}`
    }
  }
  return undefined
}

/** Whether the chunk, or its last block, or a byte that it holds itself, lies behind the end. */
function isBeyond(index: number, chunk: Chunk, size: number): boolean {
  if (index >= chunkLimit(size)) return true
  if (chunk.inline !== undefined) return chunk.inline.length > size
  return (index * CHUNK_BLOCKS + chunk.address.length - 1) * BLOCK_BYTES >= size
}
