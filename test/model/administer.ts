/** What is done with snapshots besides making them and restoring from them. */
import { NO_CHANGE } from '../../src/snapshot/notes.ts'
import { bytes, fails } from '../fs/client.ts'
import { freedBy } from '../snapshot/harness.ts'
import type { SnapshotWorld } from './snapshots.ts'
import type { Node } from './tree.ts'
import type { Operation } from './world.ts'

type SnapshotOperation = Operation<SnapshotWorld>

/** Replaces what the model knows by name, in the same order. */
function replacePast(world: SnapshotWorld, entries: readonly (readonly [string, Node])[]): void {
  world.past.clear()
  for (const [name, tree] of entries) world.past.set(name, tree)
}

const removeSome: SnapshotOperation = {
  name: 'delete several snapshots',
  weight: 1,
  async run(world) {
    const { random, subject } = world
    const names = world.deletable.filter(() => random.oneIn(2))
    const measured = random.oneIn(2)
    let told = 0
    if (measured) {
      // What is still to be freed would be counted as freed by this deletion.
      await world.idle()
      told = await freedBy(subject, names)
    }
    const before = subject.used
    const deletion = subject.snapshots.deleteAll(names.map((name) => subject.snapshots.get(name)))
    for (const name of names) world.past.delete(name)
    world.special = true
    await world.work(
      deletion.then(() => undefined),
      measured || random.oneIn(2),
    )
    const freed = before - subject.used
    if (measured && freed !== told) throw new Error(`freed ${freed} blocks, not ${told}`)
    return `${names} ${measured ? `freeing ${told} blocks` : ''}`
  },
}

const rename: SnapshotOperation = {
  name: 'rename snapshot',
  weight: 1,
  async run(world) {
    if (world.past.size === 0) return 'nothing'
    const old = world.random.pick([...world.past.keys()])
    const name = `r${world.log.length}`
    world.subject.snapshots.change(old, { ...NO_CHANGE, name })
    replacePast(
      world,
      [...world.past].map(([other, tree]) => [other === old ? name : other, tree]),
    )
    world.special = true
    return `${old} to ${name}`
  },
}

const asDirectory: SnapshotOperation = {
  name: 'mkdir or rmdir in .snapshots',
  weight: 1,
  async run(world) {
    const { subject, client, random } = world
    const dir = client.id('.snapshots')
    const [oldest] = world.deletable
    if (oldest !== undefined && random.oneIn(2)) {
      subject.snapshots.change(oldest, { ...NO_CHANGE, hold: 'held' })
      fails('ACCES', () => subject.fs.rmdir(client.cred, dir, bytes(oldest)))
      subject.snapshots.change(oldest, { ...NO_CHANGE, release: 'held' })
      subject.fs.rmdir(client.cred, dir, bytes(oldest))
      world.past.delete(oldest)
      // Nobody waits for what is freed then, but for the end of the test.
      await world.work(subject.snapshots.resume(), false)
      return `rmdir ${oldest}`
    }
    if (world.isFull) return 'nothing'
    const name = `d${world.log.length}`
    subject.fs.mkdir(client.cred, dir, bytes(name), {})
    world.past.set(name, world.freeze())
    return `mkdir ${name}`
  },
}

export const ADMINISTERING: readonly SnapshotOperation[] = [removeSome, rename, asDirectory]
