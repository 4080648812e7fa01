/** Backups of a volume of this process, and what is in them. */
import { type BackupHost, backUp } from '../../src/backup/backup.ts'
import type { BackupSummary } from '../../src/backup/request.ts'
import { FileType } from '../../src/fs/filesystem.ts'
import { Database } from '../../src/store/database.ts'
import type { Volume } from '../../src/volume.ts'
import { assertSound } from '../check/assert-sound.ts'
import { withVolumeOf } from '../check/scene.ts'
import { Client } from '../fs/client.ts'

const ALL_KEYS = { gte: Buffer.alloc(0), lt: Buffer.alloc(16, 0xff) }

export const clientOf = ({ fs }: Volume): Client => new Client(fs, fs.root())

/** So many blocks, each of which is another for every seed. */
export function blocks(count: number, seed: number): Uint8Array {
  const bytes = Buffer.alloc(count * 4096, seed)
  for (let block = 0; block < count; block++)
    bytes.writeUInt32BE(seed * 65_536 + block, block * 4096)
  return bytes
}

export function backUpTo(
  volume: Volume,
  directory: string,
  host: Partial<BackupHost> = {},
  bytesPerSecond = 0,
): Promise<BackupSummary> {
  const request = { directory, bytesPerSecond }
  return backUp({ ...volume.backupHost, ...host }, request, () => undefined)
}

/** The records of a database that nobody has open, as they are on the disk, by their keys. */
export async function recordsIn(directory: string): Promise<ReadonlyMap<string, string>> {
  const database = await Database.open(`${directory}/meta`)
  const frozen = database.freeze()
  const records = new Map<string, string>()
  for await (const batch of frozen.batches(ALL_KEYS)) {
    for (const [key, sealed] of batch) records.set(key.toString('hex'), sealed.toString('hex'))
  }
  await frozen.close()
  await database.close()
  return records
}

/** What is under a directory: types, modes and contents, by path. */
export async function treeOf(client: Client, path = ''): Promise<Record<string, string>> {
  const tree: Record<string, string> = {}
  for (const name of client.names(path)) {
    const child = `${path}/${name}`
    const { type, mode, size } = client.stat(child)
    tree[child] = `${type} ${mode} ${size}`
    if (type === FileType.DIR) Object.assign(tree, await treeOf(client, child))
    if (type === FileType.REG) {
      const hex = Buffer.from(await client.read(child)).toString('hex')
      tree[child] += ` ${hex}`
    }
  }
  return tree
}

/** The live files and those of all snapshots of the root dataset. */
export async function contentOf(volume: Volume): Promise<Record<string, string>> {
  const client = clientOf(volume)
  const all = await treeOf(client)
  for (const { name } of volume.snapshots.list()) {
    Object.assign(all, await treeOf(client, `.snapshots/${name}`))
  }
  return all
}

/** What is in a backup, which has to be sound. It is looked at in a volume of its own. */
export async function contentIn(directory: string): Promise<Record<string, string>> {
  return withVolumeOf(
    directory,
    async (volume) => {
      const content = await contentOf(volume)
      await assertSound(volume.store)
      return content
    },
    false,
  )
}
