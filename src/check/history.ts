/**
 * Superseded versions: each is in its record's list, in history and in the index of the dead, and
 * some snapshot sees it, or did until its deletion began.
 */
import {
  deadKey,
  historyKey,
  type Key,
  Kind,
  keyBytes,
  kindRange,
  type ParsedKey,
  parseDeadKey,
  parseKey,
} from '../store/keys.ts'
import type { Version as ListedVersion } from '../store/records.ts'
import { deadSpec, historySpec, versionsSpec } from '../store/tables.ts'
import { describe } from './describe.ts'
import { Cursor, listedVersions, readSealed } from './reader.ts'
import type { View } from './view.ts'

export class HistoryCheck {
  readonly #view: View
  /** Versions that lists name and that are there, in history and in the index. */
  #inHistory = 0
  #inIndex = 0

  constructor(view: View) {
    this.#view = view
  }

  async run(): Promise<void> {
    await this.#each(versionsSpec.kind, ({ key }, sealed) => {
      const text = String(key)
      const kind = text.charAt(0) as Kind
      const versions = readSealed(versionsSpec, sealed)?.value
      if (versions !== undefined) this.#list(kind, innerKey(kind, text.slice(1)), versions)
    })
    // What lists name was found there: where there is more, it is looked for.
    if ((await this.#each(historySpec.kind)) !== this.#inHistory) await this.#unlistedHistory()
    if ((await this.#each(deadSpec.kind)) !== this.#inIndex) await this.#unlistedDead()
  }

  async #each(
    kind: Kind,
    visit: (key: ParsedKey, sealed: Buffer) => void = () => undefined,
  ): Promise<number> {
    let records = 0
    const cursor = await Cursor.open(this.#view.database, kindRange(this.#view.id, kind))
    for (; cursor.head !== undefined; await cursor.next()) {
      const [bytes, sealed] = cursor.head
      const key = keyOrNothing(bytes)
      if (key === undefined) continue
      records++
      visit(key, sealed)
    }
    return records
  }

  #tell(text: string): void {
    this.#view.problem(text)
  }

  #list(kind: Kind, key: Key, versions: readonly ListedVersion[]): void {
    const told = describe(kind, key)
    if (versions.length === 0) this.#tell(`the list of versions of ${told} is empty`)
    let last = 0
    for (const { birth, end } of versions) {
      if (birth >= end || birth < last) {
        this.#tell(`the versions of ${told} overlap: one has epochs ${birth} to ${end}`)
      }
      last = end
      this.#version(kind, key, birth, end)
    }
    const live = this.#view.database.get(keyBytes(this.#view.id, kind, key))
    const since = live === undefined ? last : live.readUInt32BE(0)
    if (since < last) {
      this.#tell(`${told} is of epoch ${since}, but an older version of it ended in epoch ${last}`)
    }
  }

  #version(kind: Kind, key: Key, birth: number, end: number): void {
    const told = `the version of epochs ${birth} to ${end} of ${describe(kind, key)}`
    const { database, id, timeline } = this.#view
    const sealed = database.get(keyBytes(id, Kind.HISTORY, historyKey(kind, key, end)))
    const kept = sealed && readSealed(historySpec, sealed)?.value
    if (sealed === undefined) this.#tell(`${told} is listed, but it is not there`)
    else this.#inHistory++
    const written = kept && Buffer.from(kept).readUInt32BE(0)
    if (written !== undefined && written !== birth) {
      this.#tell(`${told} says that it was written in epoch ${written}`)
    }
    if (database.get(keyBytes(id, Kind.DEAD, deadKey(kind, key, birth, end))) === undefined) {
      this.#tell(`${told} is not in the index`)
    } else this.#inIndex++
    if (!timeline.isKept(birth, end)) this.#tell(`${told} is kept, though no snapshot sees it`)
  }

  async #unlistedHistory(): Promise<void> {
    await this.#each(historySpec.kind, ({ key }) => {
      const text = String(key)
      const at = text.lastIndexOf('@')
      const kind = text.charAt(0) as Kind
      const inner = innerKey(kind, text.slice(1, at))
      const end = Number(text.slice(at + 1))
      if (this.#isListed(kind, inner, (version) => version.end === end)) return
      this.#tell(`${describe(Kind.HISTORY, key)} is not in the list of its versions`)
    })
  }

  async #unlistedDead(): Promise<void> {
    await this.#each(deadSpec.kind, ({ key }) => {
      const { birth, end, kind, key: inner } = parseDeadKey(String(key))
      const same = (version: ListedVersion): boolean =>
        version.end === end && version.birth === birth
      if (this.#isListed(kind, inner, same)) return
      this.#tell(`${describe(Kind.DEAD, key)} is not in the list of its versions`)
    })
  }

  #isListed(kind: Kind, key: Key, same: (version: ListedVersion) => boolean): boolean {
    return listedVersions(this.#view.database, this.#view.id, kind, key).some(same)
  }
}

function innerKey(kind: Kind, key: string): Key {
  return kind === Kind.INODE ? Number(key) : key
}

/** Keys that cannot be read are told with the records that they are of. */
function keyOrNothing(key: Buffer): ParsedKey | undefined {
  try {
    return parseKey(key)
  } catch {
    return undefined
  }
}
