/** A rollback whose process is killed (SIGKILL), again and again, on the same folder. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { bytes } from '../fs/client.ts'
import { Random, seedOf } from '../model/random.ts'
import { blocks, put, type Subject, withOpened } from '../snapshot/harness.ts'
import { requireExact } from '../snapshot/rolled-back.ts'
import { removeTree, requireSound } from '../snapshot/sound.ts'
import { withFolder } from '../store/open-store.ts'
import { BUNDLE_OPTIONS, bundled } from './bundle.ts'

const test = suite('crash: a rollback that is killed')

const seed = seedOf('CRASH_SEED')
const KILLS = 6
const RUN_MS_MAX = 400
const CHILD = fileURLToPath(new URL('rollback-child.ts', import.meta.url))

/** The snapshots `s` and `t`, between which everything changes. */
async function upheaval({ client, snapshots, store }: Subject): Promise<void> {
  for (let dir = 0; dir < 6; dir++) {
    client.mkdir(`d${dir}`)
    client.mkdir(`d${dir}/sub`)
    for (let i = 0; i < 100; i++) await put(client, `d${dir}/${i}`, 0, bytes(`${dir} ${i}`))
  }
  await put(client, 'large', 0, blocks(2000, 1))
  snapshots.create('s')
  removeTree(client, 'd0')
  client.rename('d1', 'd2/sub/d1')
  client.rename('d3/sub', 'd0')
  for (let i = 0; i < 100; i++) await put(client, `d4/${i}`, 0, bytes('other'))
  for (let i = 0; i < 100; i++) client.rename(`d5/${i}`, `d5/${100 + i}`)
  for (let i = 0; i < 300; i++) client.create(`new-${i}`)
  client.set('large', { size: 0 })
  snapshots.create('t')
  await store.flush()
}

/** Starts a rollback in a process of its own, and kills that after a while. */
async function killed(directory: string, snapshot: string, ms: number): Promise<void> {
  const args = [...BUNDLE_OPTIONS, bundled(CHILD), directory, snapshot]
  const child: ChildProcess = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  assert.ok(child.stdout)
  await Promise.race([once(child.stdout as NodeJS.EventEmitter, 'data'), exited])
  await sleep(ms)
  child.kill('SIGKILL')
  const [code] = await exited
  assert.ok(code === null || code === 0, `the rollback failed with ${code}`)
}

test('another run completes it, there and back', () =>
  withFolder(async (directory) => {
    const random = new Random(seed)
    await withOpened(directory, upheaval)
    for (let kill = 0; kill < KILLS; kill++) {
      const to = kill % 2 === 0 ? 's' : 't'
      await killed(directory, to, random.below(RUN_MS_MAX))
      await withOpened(directory, async (subject) => {
        await subject.resume()
        const { failed } = await subject.rollback(to)
        assert.equal(failed, [])
        await requireExact(subject, to)
        await requireSound(subject)
      })
    }
  }))

test.run()
