/** Damage by rows: each kind of it, planted alone in a sound store, is reported as what it is. */
import type { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Scene, withVolume } from './scene.ts'

/** Numbers in the scene. */
export const Ino = {
  ...{ ROOT: 1, DIR: 1024, SUB: 1025, DATA: 1027, WIDE: 1028, LINK: 1029, MANY: 1030 },
  FIRST_OF_MANY: 1031,
} as const

/** What is found beside the damage where the scene's files are not as many, or as large, any more. */
export function account({ inodes = 107, bytes = 20_480 }): string {
  return `the root dataset has ${inodes} inodes with ${bytes} bytes, and 107 with 20480 on its account`
}

/** What is found where data is not what an account says. @param whose `the root dataset` */
export function written(whose: string, found: number, told: number): string {
  const since = 'bytes that the newest snapshot before does not'
  return `${whose} has ${found} ${since}, and ${told} on its account`
}

export type Row = readonly [
  damage: string,
  plant: (scene: Scene) => Promise<void>,
  found: readonly string[],
]

/** One scene serves all rows: each takes its damage back. */
export function rows(test: ReturnType<typeof suite>, name: string, list: readonly Row[]): void {
  test(name, async () => {
    await withVolume(async (volume) => {
      const scene = new Scene(volume)
      await scene.build()
      assert.equal(await scene.problems(), [], 'the scene is sound')
      for (const [damage, plant, found] of list) {
        await plant(scene)
        assert.equal(await scene.problems(), found, damage)
      }
      assert.equal(await scene.problems(), [], 'all damage was taken back')
    })
  })
}
