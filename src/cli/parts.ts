/** The rest of the program, loaded when a command needs it: most only speak to a running server. */
import type { RepairReport } from '../check/repair.ts'
import type { Operations } from '../control/operations.ts'
import type { ServeOptions, Serving } from '../server.ts'

export interface Parts {
  /**
   * Opens the store that no server has.
   *
   * @param command what this process calls itself to another one that wants the store
   * @throws StoreError
   */
  openLocal(options: LocalOptions): Promise<Operations>
  /** Repairs the store that no server has. @throws StoreError, FsError */
  repair(options: LocalOptions, progress: (done: string) => void): Promise<RepairReport>
  /** @throws with one sentence where it cannot serve */
  startServer(options: ServeOptions): Promise<Serving>
}

export interface LocalOptions {
  readonly directory: string
  readonly command: string
  readonly version: string
  /** Is told of what nobody asked for. */
  readonly report: (message: string, error: unknown) => void
}

export const realParts: Parts = {
  async openLocal({ directory, command, version, report }) {
    const [{ Volume }, { OfflineOperations }, { limitHeap }, { planMemory }] = await Promise.all([
      import('../volume.ts'),
      import('../local.ts'),
      import('../heap.ts'),
      import('../memory.ts'),
    ])
    limitHeap(planMemory().heapBytes)
    const volume = await Volume.open({ directory, create: false, command, report })
    return new OfflineOperations(volume, version)
  },
  async repair(options, progress) {
    const { repairVolume } = await import('../volume.ts')
    return repairVolume(options, progress)
  },
  async startServer(options) {
    const server = await import('../server.ts')
    return server.startServer(options)
  },
}
