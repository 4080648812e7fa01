/**
 * The store's files, behind an interface: tests put one in between that fails, tears or forgets.
 * Every write and sync of the store's own files goes through here; LevelDB's do not.
 */

/** One open file. Positions and lengths are in bytes. */
export interface DiskFile {
  /** Reads exactly `into.length` bytes; past the end of the file they are zeros. */
  read(into: Uint8Array, position: number): Promise<void>
  /** As `read`, without leaving the turn: for what is most likely in the page cache. */
  readSync(into: Uint8Array, position: number): void
  /** Writes all of the buffers, one behind the other. They must not change before it resolves. */
  write(buffers: readonly Uint8Array[], position: number): Promise<void>
  /** As `write`, without leaving the turn: for what is little, and goes to the page cache. */
  writeSync(buffers: readonly Uint8Array[], position: number): void
  /** Resolves when all that was written is on stable storage (fdatasync(2)). */
  datasync(): Promise<void>
  truncate(length: number): Promise<void>
  size(): Promise<number>
  close(): Promise<void>
}

export interface OpenOptions {
  /** Each write resolves only when it is on stable storage (O_DSYNC of open(2)). */
  readonly dsync?: boolean
}

export interface Disk {
  /** Opens a file for reading and writing, made (mode 0600) where there is none. */
  open(path: string, options?: OpenOptions): Promise<DiskFile>
  /** Makes new and removed names of a directory durable (fsync(2) of the directory). */
  syncDirectory(path: string): Promise<void>
  /** Bytes of the file system that holds `path`: in all, and free to this process. */
  space(path: string): { readonly total: number; readonly free: number }
}
