/** A part of one file that all clients write, each in a part of its own. */
import { StableHow } from '../../src/fs/filesystem.ts'
import type { Found } from '../crash/expect.ts'
import type { Handle, Nfs } from '../crash/nfs.ts'
import { type LaneHistory, type Moments, Recorder } from './history.ts'

/** The file's name in the shared directory. */
export const SLOTS = 'slots'
/** Parts of two clients lie in one block. */
const SLOT_BYTES = 3000

export class Slot {
  readonly #nfs: Nfs
  readonly #file: Handle
  readonly #offset: number
  readonly #recorder: Recorder
  #serial = 0

  /** @param slots the file, whose size is `slotsBytes` */
  constructor(nfs: Nfs, slots: Handle, number: number, moments: Moments) {
    this.#nfs = nfs
    this.#file = slots
    this.#offset = number * SLOT_BYTES
    this.#recorder = new Recorder(`slot ${number}`, moments, described(new Uint8Array(SLOT_BYTES)))
  }

  get history(): LaneHistory {
    return this.#recorder
  }

  view(root: Found): string {
    const data = root.names.get(SLOTS)?.data
    if (typeof data !== 'object') throw new Error(`${SLOTS} cannot be read: ${data}`)
    return described(data.subarray(this.#offset, this.#offset + SLOT_BYTES))
  }

  /** Fills its part with another number. */
  async once(): Promise<void> {
    const serial = ++this.#serial
    const data = new Uint8Array(new Uint32Array(SLOT_BYTES / 4).fill(serial).buffer)
    const stable = serial % 2 === 0 ? StableHow.FILE_SYNC : StableHow.UNSTABLE
    const where = { file: this.#file, offset: this.#offset, count: data.length }
    await this.#recorder.send(`fill ${serial}`, described(data), () =>
      this.#nfs.write({ ...where, stable, data }),
    )
  }
}

export const slotsBytes = (clients: number): number => clients * SLOT_BYTES

/** The number that fills it, or that several do, which no write leaves. */
function described(data: Uint8Array): string {
  const words = new Set<number>()
  for (let at = 0; at < data.length; at += 4) words.add(Buffer.from(data).readUInt32LE(at))
  return [...words].join(' and ')
}
