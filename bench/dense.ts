/** Large files without holes. */
import { type FileId, StableHow } from '../src/fs/filesystem.ts'
import type { Volume } from '../src/volume.ts'
import { ROOT } from './tree.ts'

export const MIB = 1024 * 1024

/** Writes all of a file, 1 MiB at a time. */
export async function dense(
  { fs, store }: Volume,
  id: FileId,
  bytes: number,
  seed: number,
): Promise<void> {
  for (let offset = 0; offset < bytes; offset += MIB) {
    // What is written is kept by reference: each time another buffer.
    const data = Buffer.alloc(MIB, seed + offset / MIB)
    await fs.write(ROOT, id, offset, data, StableHow.UNSTABLE)
  }
  fs.commit(ROOT, id)
  await store.flush()
}
