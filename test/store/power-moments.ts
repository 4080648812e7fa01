/** What is on a disk when the power goes, for every moment of what is done with it. */
import { type Platters, PowerDisk } from '../crash/power-disk.ts'
import type { Random } from '../model/random.ts'

export class PowerMoments {
  readonly disk: PowerDisk
  #seen: Platters[] = []

  constructor(random: Random) {
    this.disk = new PowerDisk(random, () => this.#seen.push(this.disk.after(random)))
  }

  /** The moments since the last call, each as one of the ways in which disks forget. */
  take(): Platters[] {
    const seen = this.#seen
    this.#seen = []
    return seen
  }
}
