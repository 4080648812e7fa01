/** The real disk, whose next write to the intent log can be held back, and made to fail. */
import type { Disk } from '../../src/store/disk.ts'
import { nodeDisk } from '../../src/store/node-disk.ts'

export interface HeldLog {
  readonly disk: Disk
  /** Holds the next write back until the result is called, with the failure if it shall fail. */
  hold(): (failure?: Error) => void
}

export function heldLog(): HeldLog {
  let held: Promise<Error | undefined> | undefined
  const disk: Disk = {
    ...nodeDisk,
    async open(path, options) {
      const file = await nodeDisk.open(path, options)
      if (options?.dsync !== true) return file
      const write: typeof file.write = async (buffers, position) => {
        const waiting = held
        held = undefined
        const failure = await waiting
        if (failure !== undefined) throw failure
        await file.write(buffers, position)
      }
      return new Proxy(file, {
        get: (of, name) => {
          if (name === 'write') return write
          const value: unknown = Reflect.get(of, name)
          return typeof value === 'function' ? value.bind(of) : value
        },
      })
    },
  }
  const hold = (): ((failure?: Error) => void) => {
    let release: (failure?: Error) => void = () => undefined
    held = new Promise((resolve) => {
      release = resolve
    })
    return release
  }
  return { disk, hold }
}
