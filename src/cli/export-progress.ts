/** How much there is to copy out of a snapshot, and how far that is. */
import { FileType } from '../fs/filesystem.ts'
import { type Source, type WalkOptions, walk } from './export-walk.ts'
import { bar } from './progress.ts'
import { count, counted, duration, size } from './text.ts'

export interface Total {
  files: number
  /** Bytes allocated, so without holes. */
  used: number
}

/** What is to be copied. */
export async function survey(options: WalkOptions, sources: readonly Source[]): Promise<Total> {
  const total: Total = { files: 0, used: 0 }
  for (const source of sources) {
    for await (const { info, position } of walk(options, source)) {
      if (info.type === FileType.DIR || position.wanted !== 'yes') continue
      total.files++
      if (info.type === FileType.REG) total.used += info.used
    }
  }
  return total
}

/** What was copied so far. */
export interface Copied {
  readonly files: number
  readonly unchanged: number
  readonly skipped: number
  /** Bytes that were copied, and with them bytes that did not need to be. */
  readonly bytes: number
  readonly done: number
}

export function describe(copied: Copied, total: Total, ms: number) {
  const { files, bytes, done: doneBytes, unchanged, skipped } = copied
  const rate = ms > 0 ? (bytes / ms) * 1000 : 0
  const done = files + unchanged + skipped
  const left = rate > 0 ? (total.used - doneBytes) / rate : 0
  const parts = [
    `${bar(doneBytes, total.used)}  ${size(doneBytes)} of ${size(total.used)}`,
    `${count(done)} of ${counted(total.files, 'file')}`,
    `${size(rate)}/s`,
    ...(left >= 1 ? [`${duration(left)} left`] : []),
  ]
  const totals = { totalFiles: total.files, totalBytes: total.used }
  return {
    text: parts.join(', '),
    json: { files: done, bytes: doneBytes, ...totals, bytesPerSecond: Math.round(rate) },
  }
}
