/** Telling a folder that a restore to the operator's disk has made from one that is the user's. */
import * as fs from 'node:fs/promises'
import type { EntryInfo } from '../control/operations.ts'
import { FsError } from '../fs/error.ts'
import { FileType } from '../fs/filesystem.ts'
import { type Judge, look } from './export-judge.ts'
import { inside, TEMPORARY_NAME } from './export-local.ts'
import type { Source, WalkOptions } from './export-walk.ts'

/** Names of a folder by which it is told. */
const NAMES_LOOKED_AT = 64

/**
 * Whether a folder may be what an earlier restore, interrupted or not, has made of one of the
 * snapshot: the names looked at are all of the snapshot's, and files are as they were.
 */
export async function mayBeOf(
  options: WalkOptions,
  judge: Judge,
  source: Source,
  at: Buffer,
): Promise<boolean> {
  const names = await fs.opendir(at, { encoding: 'buffer' as BufferEncoding })
  let left = NAMES_LOOKED_AT
  for await (const { name } of names) {
    if (left-- === 0) return true
    // The types of Node say text, whatever the encoding.
    if (!(await isOwn(options, judge, source, at, name as unknown as Buffer))) return false
  }
  return true
}

async function isOwn(
  options: WalkOptions,
  judge: Judge,
  source: Source,
  at: Buffer,
  name: Buffer,
): Promise<boolean> {
  if (TEMPORARY_NAME.test(name.toString())) return true
  const path = inside(at, name)
  const there = await look(path)
  if (there === undefined) return true
  const info = await infoOf(options, source, name)
  if (info === undefined) return false
  if (info.type === FileType.DIR || there.isDirectory()) {
    return info.type === FileType.DIR && there.isDirectory()
  }
  return judge.isSame(info, there, path)
}

async function infoOf(
  { operations, snapshot }: WalkOptions,
  source: Source,
  name: Buffer,
): Promise<EntryInfo | undefined> {
  const separator = source.path.length === 0 ? [] : [source.path, Buffer.from('/')]
  try {
    return await operations.stat(snapshot, Buffer.concat([...separator, name]))
  } catch (error) {
    if (error instanceof FsError && error.code === 'NOENT') return undefined
    throw error
  }
}
