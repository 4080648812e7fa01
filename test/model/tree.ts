/**
 * A file system as simple as can be: nodes, names in maps, contents in pages. What it does is
 * right by being obvious; nothing of it is shared with the real one.
 */
import type { Errno } from '../../src/fs/error.ts'
import { FileType } from '../../src/fs/filesystem.ts'

const PAGE_BYTES = 4096
const ZEROS = new Uint8Array(PAGE_BYTES)

/** A file's bytes; what is not there is zeros. */
export class Content {
  size = 0
  readonly pages = new Map<number, Uint8Array>()

  write(offset: number, data: Uint8Array): void {
    for (let at = 0; at < data.length; ) {
      const index = Math.floor((offset + at) / PAGE_BYTES)
      const within = (offset + at) % PAGE_BYTES
      const part = data.subarray(at, at + PAGE_BYTES - within)
      const page = this.pages.get(index) ?? new Uint8Array(PAGE_BYTES)
      page.set(part, within)
      this.pages.set(index, page)
      at += part.length
    }
    if (data.length > 0) this.size = Math.max(this.size, offset + data.length)
  }

  truncate(size: number): void {
    for (const [index, page] of this.pages) {
      const start = index * PAGE_BYTES
      if (start >= size) this.pages.delete(index)
      else if (start + PAGE_BYTES > size) page.fill(0, size - start)
    }
    this.size = size
  }

  /** The first byte of the file that differs from `data`, which was read from `offset` on. */
  differs(offset: number, data: Uint8Array): number | undefined {
    for (let at = 0; at < data.length; ) {
      const within = (offset + at) % PAGE_BYTES
      const length = Math.min(PAGE_BYTES - within, data.length - at)
      const page = this.pages.get(Math.floor((offset + at) / PAGE_BYTES)) ?? ZEROS
      const expected = page.subarray(within, within + length)
      const actual = data.subarray(at, at + length)
      if (Buffer.compare(expected, actual) !== 0) {
        return offset + at + expected.findIndex((byte, i) => byte !== actual[i])
      }
      at += length
    }
    return undefined
  }

  clone(): Content {
    const copy = new Content()
    copy.size = this.size
    for (const [index, page] of this.pages) copy.pages.set(index, page.slice())
    return copy
  }
}

export interface Node {
  /** Names the file for ever: copies of the tree have it too. */
  readonly id: number
  readonly type: FileType
  mode: number
  uid: number
  gid: number
  /** Names that stand for it; a directory's `.` and `..` not counted. */
  links: number
  target: string
  content: Content
  readonly names: Map<string, Node>
  parent: Node | undefined
  /** Counts its changes: what did not change must look exactly as it did. */
  version: number
  /** Stand for mtime and atime: where these are the same, the times are. */
  modified: number
  accessed: number
}

let numbers = 0
/** A number that was never there. */
const fresh = (): number => ++numbers

export function newNode(type: FileType, mode: number, target = ''): Node {
  const own = { content: new Content(), names: new Map<string, Node>(), parent: undefined }
  const times = { modified: fresh(), accessed: fresh() }
  return { id: fresh(), type, mode, uid: 0, gid: 0, links: 0, target, version: 0, ...own, ...times }
}

/** A copy of a tree, with the hard links within it. */
export function cloneTree(root: Node, copies = new Map<Node, Node>()): Node {
  const known = copies.get(root)
  if (known !== undefined) return known
  const content = root.content.clone()
  const copy: Node = { ...root, content, names: new Map<string, Node>() }
  copies.set(root, copy)
  for (const [name, node] of root.names) {
    const child = cloneTree(node, copies)
    if (child.type === FileType.DIR) child.parent = copy
    copy.names.set(name, child)
  }
  return copy
}

/** All nodes of a tree, each once, with one path of it. */
export function nodesOf(root: Node): Map<Node, string> {
  const all = new Map<Node, string>([[root, '']])
  for (const [node, path] of all) {
    for (const [name, child] of node.names) if (!all.has(child)) all.set(child, `${path}/${name}`)
  }
  return all
}

export const isDirectory = (node: Node): boolean => node.type === FileType.DIR

/** Adds a name, at a time. @returns why that cannot be */
export function add(dir: Node, name: string, node: Node, at = fresh()): Errno | undefined {
  if (dir.names.has(name)) return 'EXIST'
  place(dir, name, node, at)
  return undefined
}

/** Adds a node that is new: its directory changes at the very time that it begins. */
export function make(dir: Node, name: string, node: Node): Errno | undefined {
  return add(dir, name, node, node.modified)
}

/** Has a name stand for a node. */
export function place(dir: Node, name: string, node: Node, at = fresh()): void {
  dir.names.set(name, node)
  modify(dir, at)
  touch(node)
  node.links++
  if (isDirectory(node)) node.parent = dir
}

/** REMOVE or RMDIR. */
export function remove(dir: Node, name: string, directory: boolean): Errno | undefined {
  const node = dir.names.get(name)
  if (node === undefined) return 'NOENT'
  if (isDirectory(node) !== directory) return directory ? 'NOTDIR' : 'ISDIR'
  if (node.names.size > 0) return 'NOTEMPTY'
  drop(dir, name, node)
  return undefined
}

export function drop(dir: Node, name: string, node: Node, at = fresh()): void {
  dir.names.delete(name)
  modify(dir, at)
  touch(node)
  node.links--
}

export function rename(from: Node, name: string, to: Node, toName: string): Errno | undefined {
  const node = from.names.get(name)
  const target = to.names.get(toName)
  if (node === undefined) return 'NOENT'
  if (node === target) return undefined
  for (let dir: Node | undefined = to; dir !== undefined; dir = dir.parent) {
    if (dir === node) return 'INVAL'
  }
  if (target !== undefined) {
    if (isDirectory(node) && !isDirectory(target)) return 'NOTDIR'
    if (!isDirectory(node) && isDirectory(target)) return 'ISDIR'
    if (target.names.size > 0) return 'NOTEMPTY'
    drop(to, toName, target)
  }
  // Both directories change at the same time.
  const at = fresh()
  drop(from, name, node, at)
  return add(to, toName, node, at)
}

/** Something of it changed: its ctime moves. */
export function touch(node: Node): void {
  node.version++
}

/** Its data or names changed: mtime moves too. */
export function modify(node: Node, at = fresh()): void {
  touch(node)
  node.modified = at
}

export function access(node: Node): void {
  touch(node)
  node.accessed = fresh()
}
