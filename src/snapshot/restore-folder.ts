/** A directory that a restore goes into, made when the first entry comes to it. */
import { joined } from './paths.ts'
import type { Folder, Place } from './restore-target.ts'

export class RestoreFolder {
  readonly #begin: () => Folder | undefined
  #folder: { readonly value: Folder | undefined } | undefined

  /** @param begin is called once; undefined where what is there stays, and nothing goes into it */
  constructor(begin: () => Folder | undefined) {
    this.#begin = begin
  }

  get(): Folder | undefined {
    this.#folder ??= { value: this.#begin() }
    return this.#folder.value
  }

  /** As `get`, where anything has come to it. */
  get begun(): Folder | undefined {
    return this.#folder?.value
  }

  /** Where an entry of it goes. */
  place(name: Uint8Array): Place | undefined {
    const folder = this.get()
    if (folder === undefined) return undefined
    const path = folder.path.length === 0 ? name : joined([folder.path, name])
    return { dir: folder.ino, name, path }
  }
}
