import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { joined, namesOf, printable } from '../../src/snapshot/paths.ts'
import { bytes, fails, text } from '../fs/client.ts'

const test = suite('snapshot/paths')

test('a path is names between slashes, however many slashes there are', () => {
  const rows: [string, string[]][] = [
    ['', []],
    ['/', []],
    ['///', []],
    ['a', ['a']],
    ['/a/', ['a']],
    ['a/b', ['a', 'b']],
    ['//a///b//', ['a', 'b']],
    ['...', ['...']],
    ['.a/..b/ ', ['.a', '..b', ' ']],
    ['\xff\xfe/\n', ['\xff\xfe', '\n']],
    [`${'x'.repeat(255)}/y`, ['x'.repeat(255), 'y']],
  ]
  for (const [path, names] of rows) {
    assert.equal(namesOf(bytes(path)).map(text), names, path)
    assert.is(text(joined(namesOf(bytes(path)))), names.join('/'))
  }
})

test('what no stored path can have is refused', () => {
  for (const path of ['.', '..', 'a/.', './a', 'a/../b', '.snapshots', 'a/.snapshots/s/b', 'a\0']) {
    fails('INVAL', () => namesOf(bytes(path)))
  }
  fails('NAMETOOLONG', () => namesOf(bytes(`a/${'x'.repeat(256)}`)))
})

test('names are shown as text where they are text, and otherwise so that nothing is hidden', () => {
  const rows: [Uint8Array, string][] = [
    [Buffer.from('Ünï ✓'), 'Ünï ✓'],
    [bytes('a\nb'), 'a\\x0ab'],
    [bytes('\x1b[31m'), '\\x1b[31m'],
    [Buffer.from('\u009b31m'), '\\xc2\\x9b31m'],
    [bytes('\xff'), '\\xff'],
    [new Uint8Array(0), ''],
  ]
  for (const [name, shown] of rows) assert.is(printable(name), shown)
})

test.run()
