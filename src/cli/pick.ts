/** Asking on a terminal which version of a file or folder is wanted, where none was named. */
import type { EntryInfo, Operations, SnapshotInfo } from '../control/operations.ts'
import { FsError } from '../fs/error.ts'
import { FileType } from '../fs/filesystem.ts'
import type { Context } from './context.ts'
import { CommandError, Exit, Interrupted } from './errors.ts'
import { ago, columns, count, localTime, printable, size } from './text.ts'

/** Snapshots looked into, from the newest on, and versions that are offered. */
const SNAPSHOTS_MAX = 1000
const VERSIONS_MAX = 20

/** A version of a file, and the snapshots that have it, the newest first. */
interface Version {
  readonly info: EntryInfo
  readonly snapshots: SnapshotInfo[]
}

/**
 * @returns the newest snapshot that has the version that was picked; undefined where none was
 * @throws CommandError NOT_FOUND where no snapshot has the path; Interrupted
 */
export async function pickVersion(
  context: Context,
  operations: Operations,
  path: Uint8Array,
): Promise<string | undefined> {
  const { io, print } = context
  const versions = await versionsOf(operations, path)
  const name = printable(path) || '/'
  if (versions.length === 0) {
    throw new CommandError(`no snapshot has '${name}'`, Exit.NOT_FOUND)
  }
  print(`${name} in the snapshots, the newest version first:`)
  for (const line of table(versions, io.now())) print(line)
  for (;;) {
    const answer = await io.ask(`Which one is to be restored (1 to ${versions.length})? `)
    if (answer === undefined) throw new Interrupted('nothing was restored')
    if (answer.trim() === '') {
      print('nothing was restored')
      return undefined
    }
    const picked = /^\s*\d{1,3}\s*$/.test(answer) ? versions[Number(answer) - 1] : undefined
    if (picked !== undefined) return picked.snapshots[0]?.name
    print(`type a number from 1 to ${versions.length}, or nothing to leave everything as it is`)
  }
}

/** The newest versions, those of a file told apart by type, size and mtime. */
async function versionsOf(operations: Operations, path: Uint8Array): Promise<readonly Version[]> {
  const versions: Version[] = []
  const snapshots = (await operations.listSnapshots()).toReversed()
  for (const snapshot of snapshots.slice(0, SNAPSHOTS_MAX)) {
    const info = await statIn(operations, snapshot.name, path)
    if (info === undefined) continue
    const same = versions.find((version) => isSame(version.info, info))
    if (same !== undefined) same.snapshots.push(snapshot)
    else if (versions.length < VERSIONS_MAX) versions.push({ info, snapshots: [snapshot] })
    else break
  }
  return versions
}

async function statIn(operations: Operations, snapshot: string, path: Uint8Array) {
  try {
    return await operations.stat(snapshot, path)
  } catch (error) {
    const gone = error instanceof FsError && (error.code === 'NOENT' || error.code === 'NOTDIR')
    if (gone) return undefined
    throw error
  }
}

/** Of folders every snapshot counts: nothing about them tells what is further below. */
function isSame(a: EntryInfo, b: EntryInfo): boolean {
  if (a.type === FileType.DIR || a.type !== b.type || a.size !== b.size) return false
  return a.mtime.seconds === b.mtime.seconds && a.mtime.nseconds === b.mtime.nseconds
}

function table(versions: readonly Version[], nowMs: number): string[] {
  return columns(
    versions.map(({ info, snapshots }, i) => {
      const [newest] = snapshots
      const others = snapshots.length > 1 ? ` and ${count(snapshots.length - 1)} older` : ''
      const made = newest === undefined ? '' : `${newest.name} (${ago(newest.created, nowMs)})`
      const amount = info.type === FileType.REG ? size(info.size) : ''
      return [`${i + 1}`.padStart(3), localTime(info.mtime), amount, `${made}${others}`]
    }),
  )
}
