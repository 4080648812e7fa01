/** A small tree of files as its only writer knows it; never changed in place. */
import { createHash } from 'node:crypto'
import { FileType } from '../../src/fs/filesystem.ts'
import type { Found } from '../crash/expect.ts'

export interface Entry {
  readonly directory: boolean
  readonly mode: number
  /** Of a file. */
  readonly data: Uint8Array
}

/** By paths, `a` and `a/b`. */
export type Files = ReadonlyMap<string, Entry>

const NO_BYTES = new Uint8Array(0)
const hashes = new WeakMap<Uint8Array, string>()

export function directory(mode: number): Entry {
  return { directory: true, mode, data: NO_BYTES }
}

export function file(mode: number, data: Uint8Array = NO_BYTES): Entry {
  return { directory: false, mode, data }
}

export function withEntry(files: Files, path: string, entry: Entry): Files {
  return new Map([...files, [path, entry]])
}

export function without(files: Files, path: string): Files {
  return new Map([...files].filter(([other]) => other !== path))
}

export function renamed(files: Files, from: string, to: string): Files {
  const moved = [...files].map(([path, entry]) => {
    const inside = path === from || path.startsWith(`${from}/`)
    return [inside ? to + path.slice(from.length) : path, entry] as const
  })
  // What had the new name is replaced, whichever of the two comes first.
  const free = moved.filter(([path], i) => path !== to || [...files][i]?.[0] !== to)
  return new Map(free)
}

export function written(data: Uint8Array, offset: number, more: Uint8Array): Uint8Array {
  const all = new Uint8Array(Math.max(data.length, offset + more.length))
  all.set(data)
  all.set(more, offset)
  return all
}

export function resized(data: Uint8Array, size: number): Uint8Array {
  const all = new Uint8Array(size)
  all.set(data.subarray(0, size))
  return all
}

function line(path: string, { directory: isDirectory, mode, data }: Entry): string {
  if (isDirectory) return `${path}/ ${mode.toString(8)}`
  let hash = hashes.get(data)
  if (hash === undefined) {
    hash = createHash('sha256').update(data).digest('hex').slice(0, 16)
    hashes.set(data, hash)
  }
  return `${path} ${mode.toString(8)} ${data.length} ${hash}`
}

/** The whole tree in one text, a line for each path. */
export function manifest(files: Files): string {
  const lines = [...files].map(([path, entry]) => line(path, entry))
  return lines.sort().join('\n')
}

/**
 * What was found in a directory, as `manifest` tells it.
 *
 * @param prefix of the names of the directory that are told
 */
export function manifestOf(found: Found, prefix: string): string {
  const files = new Map<string, Entry>()
  const visit = (dir: Found, path: string): void => {
    for (const [name, { attributes, data, ...child }] of dir.names) {
      const { type, mode, size } = attributes
      const at = `${path}${name}`
      if (path === '' && !name.startsWith(prefix)) continue
      if (typeof data === 'string') throw new Error(`${at} cannot be read: ${data}`)
      if (type === FileType.REG && size !== data.length) throw new Error(`${at}: ${size} bytes`)
      files.set(at, { directory: type === FileType.DIR, mode, data })
      if (type === FileType.DIR) visit({ attributes, data, ...child }, `${at}/`)
    }
  }
  visit(found, '')
  return manifest(files)
}
