/** Where entries go: directories that a restore goes into, made when the first entry comes to them. */
import { joined } from './paths.ts'
import type { Spot } from './restore-write.ts'

/** Where an entry goes. */
export interface Place extends Spot {
  /** Of the live file system. */
  readonly path: Uint8Array
}

/** A live directory that entries are restored into. Its ino is negative where it is only planned. */
export interface Folder {
  readonly ino: number
  readonly path: Uint8Array
  readonly made: boolean
  /** Whether it gets the attributes back that it had, and whether it had others before. */
  readonly attributes: boolean
  readonly differs: boolean
}

/** Its path is put together where it is asked for: mostly nobody does. */
export class PlaceInFolder implements Place {
  readonly dir: number
  readonly name: Uint8Array
  readonly #above: Uint8Array

  constructor({ ino, path }: Folder, name: Uint8Array) {
    this.dir = ino
    this.name = name
    this.#above = path
  }

  get path(): Uint8Array {
    return this.#above.length === 0 ? this.name : joined([this.#above, this.name])
  }
}

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
    return folder && new PlaceInFolder(folder, name)
  }
}
