/**
 * A server keeps its resident memory below the ceiling that it was given, the smallest there is,
 * whatever clients do: each part of this would take several times as much if nothing bounded it.
 *
 * `CEILING_TIMES=n` does n times as much of it.
 */
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { bulkLoad, fileName } from '../bench/bulk.ts'
import { handlesOf } from '../bench/flat-part.ts'
import { type MeasuredServer, residentOf, startMeasured } from '../bench/flat-server.ts'
import { type Flood, flood, randomOf, WRITE_BYTES } from '../bench/flood.ts'
import { MEMORY_MIN } from '../src/memory.ts'
import { withFolder } from './store/open-store.ts'

const test = suite('memory ceiling')

const { CEILING_TIMES = '1', CEILING_TELL } = process.env
const TIMES = Number(CEILING_TIMES)
const INODES = 250_000
const WIDE = 200_000
const SEED = 1

test('attributes and names of very many files, new ones, a directory, large writes', () =>
  withFolder(async (folder) => {
    const data = join(folder, 'store')
    const tree = await bulkLoad(data, { inodes: INODES, wide: WIDE })
    const handles = await handlesOf(data)
    const { generation } = tree
    const handle = (ino: number) =>
      handles.encode({ dataset: 1, snapshot: 0, snapdir: false, ino, generation })
    const wide = tree.directories.at(-1)
    assert.ok(wide)
    const random = randomOf(SEED)
    const server = await startMeasured(data, ['--memory', `${MEMORY_MIN}`])
    try {
      const any = () => wide.firstFile + random(WIDE)
      await calls(server, 'getattr', 150_000, () => ({ handle: handle(any()) }))
      const dir = handle(wide.ino)
      await calls(server, 'lookup', 100_000, () => ({ handle: dir, name: fileName(random(WIDE)) }))
      let made = 0
      await calls(server, 'create', 30_000, () => ({ handle: dir, name: `n${made++}` }))
      const file = handle(wide.firstFile)
      let written = 0
      await calls(server, 'write', 384, () => ({ handle: file, offset: WRITE_BYTES * written++ }))
    } finally {
      await server.stop()
    }
  }))

/** So many calls, answered with NFS3_OK, after which the ceiling was never exceeded. */
async function calls(
  { port, pid }: MeasuredServer,
  operation: Flood['operation'],
  count: number,
  next: Flood['next'],
): Promise<void> {
  const load = { connections: 4, inFlight: 16, seconds: 0, calls: count * TIMES }
  await flood({ port, pid, operation, next, ...load })
  const { peak, mapped } = residentOf(pid)
  const [all, files, most] = [peak, mapped, MEMORY_MIN].map((bytes) => bytes >> 20)
  assert.ok(peak <= MEMORY_MIN, `${operation}: ${all} MiB of ${most} MiB, ${files} MiB mapped`)
  if (CEILING_TELL !== undefined) console.log(operation, all, files, performance.now())
}

test.run()
