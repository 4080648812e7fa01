/**
 * Every key in the database. Integers are big-endian, so that byte order is numeric order.
 *
 *   ds:u32 'I' ino:u64                    inode
 *   ds:u32 'N' dir:u64 name:bytes         what a name stands for; the name is last, so it needs no end
 *   ds:u32 'P' dir:u64 page:u64           a page of a directory, in READDIR order
 *   ds:u32 'X' owner:u64 level:u8 n:u64   which pages of a directory, or chunks of a file, exist
 *   ds:u32 'C' content:u64 index:u64      a chunk of a file
 *
 *   The five above have versions. A superseded one, and how to find it:
 *   ds:u32 'H' key end:u32                the record as it was until epoch `end`; `key` without its ds
 *   ds:u32 'V' key                        all versions of `key` in history, oldest first
 *   ds:u32 'D' end:u32 birth:u32 key      the same, in the order in which snapshots let go of them
 *
 *   ds:u32 'O' content:u64                chunks of a file that is gone, to be freed
 *
 *   0:u32  'S'                            superblock
 *   0:u32  'T' ds:u32                     dataset
 *   0:u32  'Z' snapshot:u32               snapshot
 *   0:u32  'G' group:u32                  reference counts of a group of blocks
 *
 * In memory a key is a number (inodes) or a short text, which a Map finds quickly; this module is
 * the only place that knows both forms.
 */

/** The letters above. */
export const Kind = {
  INODE: 'I',
  NAME: 'N',
  PAGE: 'P',
  BITMAP: 'X',
  CHUNK: 'C',
  HISTORY: 'H',
  VERSIONS: 'V',
  DEAD: 'D',
  ORPHAN: 'O',
  SUPERBLOCK: 'S',
  DATASET: 'T',
  SNAPSHOT: 'Z',
  GROUP: 'G',
} as const
export type Kind = (typeof Kind)[keyof typeof Kind]

/** A name as a Map's key: its bytes as latin1, so that no two names meet. */
export function nameKey(dir: number, name: Uint8Array): string {
  return `${dir}/${Buffer.from(name.buffer, name.byteOffset, name.length).toString('latin1')}`
}

export function pageKey(dir: number, page: number): string {
  return `${dir}/${page}`
}

/** @param owner a directory's ino, or a file's content number */
export function bitmapKey(owner: number, level: number, n: number): string {
  return `${owner}/${level}/${n}`
}

export function chunkKey(content: number, index: number): string {
  return `${content}/${index}`
}
