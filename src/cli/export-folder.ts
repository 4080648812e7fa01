/** A folder of the operator's disk, made when the first entry comes to it. */
import { inside } from './export-local.ts'

export class ExportFolder {
  readonly #begin: () => Promise<Buffer | undefined>
  #path: Promise<Buffer | undefined> | undefined

  /** @param begin is called once; undefined where what is there stays, and nothing goes into it */
  constructor(begin: () => Promise<Buffer | undefined>) {
    this.#begin = begin
  }

  get(): Promise<Buffer | undefined> {
    this.#path ??= this.#begin()
    return this.#path
  }

  /** Where an entry of it goes. */
  async at(name: Uint8Array): Promise<Buffer | undefined> {
    const path = await this.get()
    return path && inside(path, name)
  }
}
