/** Finds the paths of the files that problems speak of. */
import { joined, printable } from '../snapshot/paths.ts'
import { type Key, Kind } from '../store/keys.ts'
import { FileType } from '../store/records.ts'
import { inodeSpec, nameSpec } from '../store/tables.ts'
import { eachVersion, versionAt } from './facts.ts'
import type { Subject } from './problems.ts'
import type { Version, View } from './view.ts'

/** Names of the longest path that is told from its beginning. */
const NAMES_MAX = 100

interface Named {
  readonly dir: number
  readonly name: Uint8Array
}

const sees = ({ from, to }: Version<unknown>, state: number): boolean => from <= state && state < to

function named(key: Key): Named {
  const text = String(key)
  const slash = text.indexOf('/')
  const name = Buffer.from(text.slice(slash + 1), 'latin1')
  return { dir: Number(text.slice(0, slash)), name }
}

export class Paths {
  readonly #view: View
  /** A name of each file that is asked for, by `ino/state`. */
  readonly #names = new Map<string, Named>()

  constructor(view: View) {
    this.#view = view
  }

  /** Looks for these files, so that `tell` knows them. */
  async find(subjects: readonly Subject[]): Promise<void> {
    const states = new Map<number, Set<number>>()
    for (const { ino, states: of } of subjects) {
      states.set(ino, (states.get(ino) ?? new Set()).add(this.#view.timeline.shown(of)))
    }
    if (states.size === 0) return
    await eachVersion(this.#view, nameSpec, (version, key) => {
      for (const state of states.get(version.value.ino) ?? []) {
        if (sees(version, state)) this.#names.set(`${version.value.ino}/${state}`, named(key))
      }
    })
    for (const [ino, shown] of states) {
      for (const state of shown) await this.#findAbove(ino, state)
    }
  }

  async #findAbove(ino: number, state: number): Promise<void> {
    const { root } = this.#view.record
    let dir = this.#names.get(`${ino}/${state}`)?.dir
    for (let i = 0; dir !== undefined && dir !== root && i < NAMES_MAX; i++) {
      const key: string = `${dir}/${state}`
      const name: Named | undefined = this.#names.get(key) ?? (await this.#nameOf(dir, state))
      if (name !== undefined) this.#names.set(key, name)
      dir = name?.dir
    }
  }

  /** The name of a directory, which lies in its parent. */
  async #nameOf(ino: number, state: number): Promise<Named | undefined> {
    const inode = this.#view.versions(inodeSpec, ino).find((version) => sees(version, state))
    if (inode?.value.type !== FileType.DIR) return undefined
    const { parent } = inode.value
    const own = { from: parent, to: parent + 1 }
    for (const kept of [false, true]) {
      const cursor = kept
        ? await this.#view.history(Kind.NAME, own)
        : await this.#view.live(Kind.NAME, own)
      for (; cursor.head !== undefined; await cursor.next()) {
        const found = versionAt(this.#view, nameSpec, cursor, kept)
        if (found?.version.value.ino !== ino || !sees(found.version, state)) continue
        await cursor.close()
        return named(found.key)
      }
    }
    return undefined
  }

  /** `'a/b' (inode 7) in snapshot 'x'`. */
  tell({ ino, states }: Subject): string {
    const { root } = this.#view.record
    const state = this.#view.timeline.shown(states)
    const place = this.#view.timeline.place(states)
    if (ino === root) return `the root directory${place}`
    const names: Uint8Array[] = []
    let at = this.#names.get(`${ino}/${state}`)
    while (at !== undefined && names.length < NAMES_MAX) {
      names.unshift(at.name)
      if (at.dir === root) break
      at = this.#names.get(`${at.dir}/${state}`)
    }
    if (names.length === 0) return `inode ${ino}${place}`
    const start = at?.dir === root ? '' : '.../'
    return `'${start}${printable(joined(names))}' (inode ${ino})${place}`
  }
}
