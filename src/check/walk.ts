/** One pass through a window of numbers: each inode, directory and content in its turn. */
import type { Chunk, Inode } from '../store/records.ts'
import { FileType } from '../store/records.ts'
import { bitmapSpec, chunkSpec, inodeSpec, nameSpec, pageSpec } from '../store/tables.ts'
import type { BlocksCheck } from './blocks.ts'
import { ContentCheck } from './contents.ts'
import type { Facts } from './facts.ts'
import type { LinksCheck } from './links.ts'
import { DirectoryCheck, type NameCursors, ownerAt } from './names.ts'
import type { References } from './references.ts'
import type { Chain, Chains, Numbers, Version, View } from './view.ts'

/** What a walk hands on to, and fills. */
export interface WalkParts {
  readonly links: LinksCheck
  readonly blocks: BlocksCheck
  readonly references: References
}

interface Cursors extends NameCursors {
  readonly inodes: Chains<Inode>
  readonly bitmaps: Chains<Uint8Array>
  readonly chunks: Chains<Chunk>
}

export class Walk {
  readonly #view: View
  readonly #facts: Facts
  readonly #parts: WalkParts
  /** Live files of any type that were seen. */
  inodes = 0

  constructor(view: View, facts: Facts, parts: WalkParts) {
    this.#view = view
    this.#facts = facts
    this.#parts = parts
  }

  async run(numbers: Numbers): Promise<void> {
    const view = this.#view
    const cursors = {
      inodes: await view.chains(inodeSpec, numbers),
      pages: await view.chains(pageSpec, numbers),
      names: await view.live(nameSpec.kind, numbers),
      pastNames: await view.history(nameSpec.kind, numbers),
      bitmaps: await view.chains(bitmapSpec, numbers),
      chunks: await view.chains(chunkSpec, numbers),
    }
    for (let at = first(cursors); at !== Number.POSITIVE_INFINITY; at = first(cursors)) {
      await this.#number(at, cursors)
    }
    // What was told of numbers that no record has.
    for (const [ino, links] of this.#facts.links) this.#parts.links.check(ino, [], links)
    for (const content of [...this.#facts.owners.keys()]) await this.#content(content, cursors, [])
  }

  async #number(number: number, cursors: Cursors): Promise<void> {
    await this.#view.pace.step(1)
    const { inodes, pages, names, pastNames, chunks } = cursors
    let versions: readonly Version<Inode>[] = []
    if (inodes.owner === number) {
      versions = inodes.head?.versions ?? []
      await inodes.next()
    }
    if (versions.some(({ to }) => to > this.#view.timeline.live)) this.inodes++
    this.#parts.links.check(number, versions, this.#facts.links.get(number) ?? [])
    this.#facts.links.delete(number)

    const bitmaps = await take(cursors.bitmaps, number)
    const holdsNames =
      pages.owner === number ||
      ownerAt(names, false) === number ||
      ownerAt(pastNames, true) === number
    const isDirectory = versions.some(({ value }) => value.type === FileType.DIR)
    if (isDirectory || holdsNames) {
      await new DirectoryCheck(this.#view, number, versions).run(cursors, bitmaps)
    }
    const isContent = chunks.owner === number || this.#facts.owners.has(number)
    if (isContent || (bitmaps.length > 0 && !isDirectory && !holdsNames)) {
      await this.#content(number, cursors, isDirectory ? [] : bitmaps)
    }
  }

  async #content(
    content: number,
    cursors: Cursors,
    bitmaps: readonly Chain<Uint8Array>[],
  ): Promise<void> {
    const owners = this.#facts.owners.get(content) ?? []
    this.#facts.owners.delete(content)
    const { blocks, references } = this.#parts
    const check = new ContentCheck(this.#view, content, owners)
    await check.run(cursors.chunks, bitmaps, blocks, references)
  }
}

/** The lowest number that any of the cursors stands at. */
function first({ inodes, pages, names, pastNames, bitmaps, chunks }: Cursors): number {
  const named = Math.min(ownerAt(names, false), ownerAt(pastNames, true))
  return Math.min(inodes.owner, pages.owner, named, bitmaps.owner, chunks.owner)
}

/** All records that begin with a number. */
async function take<V>(chains: Chains<V>, number: number): Promise<Chain<V>[]> {
  const taken: Chain<V>[] = []
  for (; chains.head !== undefined && chains.owner === number; await chains.next()) {
    taken.push(chains.head)
  }
  return taken
}
