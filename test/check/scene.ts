/** A small store with a past, in which tests plant damage; and the planting. */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkStore } from '../../src/check/check.ts'
import type { Format } from '../../src/check/reader.ts'
import { type Key, Kind, keyBytes } from '../../src/store/keys.ts'
import { decodeRecord, encodeRecord, openRecord, sealRecord } from '../../src/store/record.ts'
import type { TableSpec } from '../../src/store/table.ts'
import { Volume } from '../../src/volume.ts'
import { Client } from '../fs/client.ts'

/** Runs `body` on a new volume in a folder of its own. */
export async function withVolume<T>(
  body: (volume: Volume, folder: string) => Promise<T>,
): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'zerofs-check-'))
  try {
    return await withVolumeOf(directory, (volume) => body(volume, directory))
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** Runs `body` on the volume of a folder, and closes it whatever happens. @param create as `serve` */
export async function withVolumeOf<T>(
  directory: string,
  body: (volume: Volume) => Promise<T>,
  create = true,
): Promise<T> {
  const report = (message: string, error: unknown): void => console.error(message, error)
  const volume = await Volume.open({ directory, create, command: 'test', report })
  try {
    return await body(volume)
  } finally {
    await volume.close()
  }
}

export class Scene {
  readonly volume: Volume
  readonly client: Client
  /** What was changed, as it was. */
  readonly #before = new Map<string, Buffer | undefined>()

  constructor(volume: Volume) {
    this.volume = volume
    this.client = new Client(volume.fs, volume.fs.root())
  }

  /** Files of every kind, two snapshots, and changes after each. */
  async build(): Promise<void> {
    const { client, volume } = this
    client.mkdir('/dir')
    client.mkdir('/dir/sub')
    client.create('/dir/small')
    await client.write('/dir/small', 0, 'inline')
    client.create('/dir/data')
    await client.write('/dir/data', 0, new Uint8Array(10_000).fill(1))
    client.link('/dir/data', '/other')
    client.create('/wide')
    await client.write('/wide', 5000, new Uint8Array(100).fill(2))
    await client.write('/wide', 2 ** 20, new Uint8Array(5000).fill(3))
    client.symlink('/symlink', 'target')
    client.mkdir('/many')
    for (let i = 0; i < 100; i++) client.create(`/many/${i}`)
    volume.snapshots.create('first')
    await client.write('/dir/data', 0, 'changed')
    client.remove('/dir/small')
    client.rename('/many/7', '/dir/seven')
    client.set('/dir/sub', { mode: 0o700 })
    volume.snapshots.create('second')
    client.set('/wide', { size: 6000 })
    client.rename('/dir/sub', '/many/sub')
    volume.data.settleAll()
    await volume.store.checkpoint()
  }

  ino(path: string): number {
    return this.client.id(path).ino
  }

  get<V>(dataset: number, spec: TableSpec<V>, key: Key): { birth: number; value: V } {
    const bytes = Buffer.from(keyBytes(dataset, spec.kind, key))
    const record = this.volume.store.database.get(bytes)
    if (record === undefined) throw new Error(`there is no record ${spec.kind} ${key}`)
    return decodeRecord(spec.codec, record)
  }

  /** Puts bytes in the place of a record's, or deletes it. */
  async raw(key: Buffer, value: Buffer | undefined): Promise<void> {
    const database = this.volume.store.database.freeze()
    const name = key.toString('latin1')
    if (!this.#before.has(name)) this.#before.set(name, database.get(key))
    await database.close()
    await this.volume.store.database.write([{ key, value }])
  }

  async put<V>(dataset: number, spec: Format<V>, key: Key, value: V, birth = 0): Promise<void> {
    const bytes = Buffer.from(keyBytes(dataset, spec.kind, key))
    await this.raw(bytes, sealRecord(bytes, encodeRecord(spec.codec, birth, value)))
  }

  /** Changes some fields of a record. */
  async change<V>(spec: TableSpec<V>, key: Key, by: (value: V) => V, dataset = 1): Promise<void> {
    const { birth, value } = this.get(dataset, spec, key)
    await this.put(dataset, spec, key, by(value), birth)
  }

  async delete(kind: Kind, key: Key, dataset = 1): Promise<void> {
    await this.raw(Buffer.from(keyBytes(dataset, kind, key)), undefined)
  }

  /** Changes fields of a superseded version. */
  async changePast<V>(spec: TableSpec<V>, key: Key, end: number, by: (v: V) => V): Promise<void> {
    const name = Buffer.from(keyBytes(1, Kind.HISTORY, `${spec.kind}${key}@${end}`))
    const frozen = this.volume.store.database.freeze()
    const sealed = frozen.get(name)
    await frozen.close()
    if (sealed === undefined) throw new Error(`there is no version ${key}@${end}`)
    const outer = Buffer.from(openRecord(name, sealed))
    const { birth, value } = decodeRecord(spec.codec, outer.subarray(8, 8 + outer.readUInt32BE(4)))
    const inner = Buffer.from(encodeRecord(spec.codec, birth, by(value)))
    const head = Buffer.alloc(8)
    head.writeUInt32BE(inner.length, 4)
    const padding = Buffer.alloc(-inner.length & 3)
    await this.raw(name, sealRecord(name, Buffer.concat([head, inner, padding])))
  }

  /** What a check finds. What was planted is taken back. */
  async problems(): Promise<readonly string[]> {
    const { problems } = await checkStore(this.volume.store, () => undefined)
    for (const [name, value] of this.#before) {
      await this.volume.store.database.write([{ key: Buffer.from(name, 'latin1'), value }])
    }
    this.#before.clear()
    return problems
  }
}
