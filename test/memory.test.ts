import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { heapGrowth } from '../src/heap.ts'
import { MEMORY_DEFAULT, MEMORY_MIN, planMemory } from '../src/memory.ts'

const test = suite('memory')
const MIB = 2 ** 20
/** What node, its libraries and an idle server take, measured. */
const IDLE_BYTES = 100 * MIB

test('the shares are together no more than the ceiling', () => {
  for (const total of [MEMORY_MIN, 300 * MIB, 512 * MIB, MEMORY_DEFAULT, 16 * MEMORY_DEFAULT]) {
    const { heapBytes, networkBytes, store } = planMemory(total)
    const { spaceBytes, database } = store
    const written = 2 * database.writeBufferBytes
    const read = database.blockCacheBytes + database.tableBytes
    const sum = IDLE_BYTES + heapBytes + networkBytes + spaceBytes + written + read
    assert.ok(sum <= total, `${sum / MIB} of ${total / MIB} MiB`)
  }
})

test('what lies in the heap has room there, with a quarter of garbage', () => {
  for (const total of [MEMORY_MIN, MEMORY_DEFAULT, 16 * MEMORY_DEFAULT]) {
    const { heapBytes, handles, store } = planMemory(total)
    assert.is(Math.log2(handles) % 1, 0, 'a power of two')
    assert.ok(1.25 * (store.cacheBytes + 250 * handles) <= heapBytes)
  }
})

test('one file that is written leaves room for others, and all of it has receive buffers', () => {
  for (const total of [MEMORY_MIN, MEMORY_DEFAULT, 16 * MEMORY_DEFAULT]) {
    const { data, recordBytes, networkBytes } = planMemory(total)
    assert.ok(data.fileBytesMax < data.dirtyBytesSoft && data.dirtyBytesSoft < data.dirtyBytesHard)
    assert.ok(data.dirtyBytesHard <= recordBytes && recordBytes <= networkBytes)
    assert.ok(recordBytes >= 8 * MIB)
  }
})

test('a heap may grow as long as what is in use leaves room, and always a little', () => {
  assert.is(heapGrowth(20 * MIB, 332 * MIB), 300, 'never by more than V8 itself would')
  assert.is(heapGrowth(150 * MIB, 332 * MIB), 100)
  assert.is(heapGrowth(300 * MIB, 332 * MIB), 15)
  assert.is(heapGrowth(0, 332 * MIB), 300)
})

test.run()
