/**
 * What a diff costs: a thousand changes among so many files, with the store just opened.
 *
 *     npx tsx bench/diff.ts --files 1000000 --changes 1000 --dir /var/tmp
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Cred, FileId } from '../src/fs/filesystem.ts'
import { Diff } from '../src/snapshot/diff.ts'
import { Volume } from '../src/volume.ts'

const { values } = parseArgs({
  options: {
    files: { type: 'string', default: '100000' },
    changes: { type: 'string', default: '1000' },
    dir: { type: 'string', default: tmpdir() },
  },
})
const FILES = Number(values.files)
const CHANGES = Math.min(FILES, Number(values.changes))
const FILES_PER_DIRECTORY = 1000
const OPERATIONS_PER_FLUSH = 10_000
const ROOT: Cred = { uid: 0, gid: 0, gids: [] }

const name = (text: string): Uint8Array => Buffer.from(text)
const report = (message: string, error: unknown): void => console.error(message, error)

function opened(directory: string): Promise<Volume> {
  return Volume.open({ directory, create: true, command: 'bench/diff', report })
}

async function make({ fs, store }: Volume): Promise<void> {
  let dir: FileId = fs.root()
  for (let i = 0; i < FILES; i++) {
    if (i % FILES_PER_DIRECTORY === 0) {
      dir = fs.mkdir(ROOT, fs.root(), name(`d${i / FILES_PER_DIRECTORY}`), { mode: 0o755 }).id
    }
    fs.create(ROOT, dir, name(`f${i}`), { mode: 'GUARDED', attributes: { mode: 0o644 } })
    if (i % OPERATIONS_PER_FLUSH === 0) await store.flush()
  }
}

/** In turn: gone, renamed, other attributes, and a new one; all over the tree. */
async function change({ fs, store }: Volume): Promise<void> {
  for (let i = 0; i < CHANGES; i++) {
    const file = Math.floor((i * FILES) / CHANGES)
    const at = name(`d${Math.floor(file / FILES_PER_DIRECTORY)}`)
    const dir = fs.lookup(ROOT, fs.root(), at).id
    const old = name(`f${file}`)
    if (i % 4 === 0) fs.remove(ROOT, dir, old)
    else if (i % 4 === 1) fs.rename(ROOT, dir, old, dir, name(`r${file}`))
    else if (i % 4 === 2) {
      await fs.setattr(ROOT, fs.lookup(ROOT, dir, old).id, { mode: 0o600 }, undefined)
    } else fs.create(ROOT, dir, name(`n${file}`), { mode: 'GUARDED', attributes: {} })
  }
  await store.flush()
}

async function bench(directory: string): Promise<void> {
  const filling = await opened(directory)
  await make(filling)
  filling.snapshots.create('before')
  await change(filling)
  filling.snapshots.create('after')
  await filling.close()

  const volume = await opened(directory)
  const { live, snapshots } = volume
  const times: number[] = []
  let told = 0
  for (let round = 0; round < 2; round++) {
    const started = performance.now()
    told = 0
    const entries = new Diff(live, snapshots, { from: 'before', to: 'after' }).entries()
    for await (const { kind } of entries) if (kind !== undefined) told++
    times.push(Math.round(performance.now() - started))
  }
  await volume.close()
  const [cold, warm] = times
  console.log(`${FILES} files, ${told} changes told: ${cold} ms cold, ${warm} ms warm`)
}

const directory = mkdtempSync(join(values.dir, 'zerofs-nfs-diff-'))
bench(join(directory, 'store')).finally(() => rmSync(directory, { recursive: true }))
