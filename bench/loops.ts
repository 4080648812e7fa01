/** File systems of their own, each in a file that is mounted: it takes root, and loop devices. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export type LoopType = 'btrfs' | 'ext4'

const MAKE: Record<LoopType, readonly string[]> = {
  btrfs: ['mkfs.btrfs', '--quiet'],
  ext4: ['mkfs.ext4', '-q'],
}

/** Why there can be none; undefined where there can. */
export function loopsMissing(): string | undefined {
  if (process.getuid?.() !== 0) return 'mounting needs root'
  if (!existsSync('/usr/bin/btrfs')) return "it needs Debian's btrfs-progs"
  if (!/\bbtrfs\b/.test(readFileSync('/proc/filesystems', 'utf8'))) {
    return 'this kernel has no btrfs (try modprobe btrfs)'
  }
  return undefined
}

export interface Mounted {
  readonly path: string
  unmount(): void
}

/** @param bytes its size; the file takes only the room that is used */
export function mountLoop(dir: string, type: LoopType, bytes: number): Mounted {
  const image = join(dir, `${type}.image`)
  const path = join(dir, type)
  writeFileSync(image, '')
  truncateSync(image, bytes)
  const [command = '', ...args] = MAKE[type]
  execFileSync(command, [...args, image], { stdio: ['ignore', 'ignore', 'inherit'] })
  mkdirSync(path)
  execFileSync('mount', ['-t', type, '-o', 'loop', image, path])
  const unmount = () => {
    execFileSync('umount', [path])
    rmSync(image)
  }
  return { path, unmount }
}
