import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Filter } from '../../src/snapshot/filter.ts'
import { globMatches, nameText, parseGlob } from '../../src/snapshot/glob.ts'

const test = suite('snapshot/glob')

const matches = (pattern: string, path: string) =>
  globMatches(parseGlob(pattern), path.replace(/\/$/, '').split('/'), path.endsWith('/'))

const ROWS: [pattern: string, yes: string, no: string][] = [
  ['*.log', 'a.log .log d/b.log d/e/c.log d.log/', 'a.logs log d.log/x'],
  ['/*.log', 'a.log', 'd/a.log'],
  ['cache', 'cache cache/ d/cache', 'cached cache/x d/acache'],
  ['cache/', 'cache/ d/cache/', 'cache'],
  ['cache/*.tmp', 'cache/a.tmp d/cache/a.tmp', 'cache/d/a.tmp a.tmp'],
  ['/cache/*.tmp', 'cache/a.tmp', 'd/cache/a.tmp'],
  ['src/**/test', 'src/test src/a/test x/src/a/b/test', 'test src/testing src/a/tests'],
  ['/src/**', 'src/a src/a/b', 'src src/ srcs x/src'],
  ['**', 'a a/b', ''],
  ['a?c', 'abc aéc a日c', 'ac abbc a/c'],
  ['[a-c]x', 'ax bx cx', 'dx x abx'],
  ['[!a-c]x', 'dx éx', 'ax x'],
  ['[^a]', 'b', 'a'],
  ['[]a]', '] a', 'b'],
  ['[a-]', 'a -', 'b'],
  ['[é-ü]', 'é ö', 'e'],
  ['\\*', '*', 'a **'],
  ['a\\[b', 'a[b', 'ab'],
  ['a.c', 'a.c', 'abc'],
  ['*a*b*', 'ab xaxbx aabb', 'ba a b'],
  ['(a|b)+$', '(a|b)+$', 'a'],
  ['A', 'A', 'a'],
]
for (const [pattern, yes, no] of ROWS) {
  test(`'${pattern}'`, () => {
    const all = (paths: string) => paths.split(' ').filter((path) => path !== '')
    assert.equal(
      all(yes).filter((path) => !matches(pattern, path)),
      [],
    )
    assert.equal(
      all(no).filter((path) => matches(pattern, path)),
      [],
    )
  })
}

test('a pattern of many stars costs no more than its length times the name', () => {
  const pattern = `${'*a'.repeat(200)}b`
  assert.not.ok(matches(pattern, 'a'.repeat(255)))
  assert.not.ok(matches(`${'**/a/'.repeat(100)}b`, 'a/'.repeat(2000).slice(0, -1)))
})

test('bytes that are no UTF-8 match ? and *, one by one, and no text', () => {
  const name = nameText(Uint8Array.of(0x61, 0xff, 0xc3))
  const is = (pattern: string) => globMatches(parseGlob(pattern), [name], false)
  assert.equal(['a??', 'a*', '*', 'a?', 'a\ufffd\ufffd', 'a\udcff\udcc3'].map(is), [
    ...[true, true, true, false, false, true],
  ])
})

for (const pattern of ['', '/', '//', '[a', 'a/[', 'x'.repeat(4097)]) {
  test(`'${pattern.slice(0, 20)}' is no pattern`, () => {
    assert.throws(() => parseGlob(pattern))
  })
}

test('a filter: to exclude counts more, and folders speak for what is below', () => {
  const filter = new Filter({ include: ['*.ts', 'docs/'], exclude: ['/src/old', '*.test.ts'] })
  const wanted = (path: string) => {
    const names = path.split('/').filter((name) => name !== '')
    return filter.at(
      names.map((name) => Buffer.from(name)),
      path.endsWith('/'),
    ).wanted
  }
  assert.equal(
    ['', 'src/', 'src/a.ts', 'src/a.js', 'src/a.test.ts', 'src/old/', 'src/old/a.ts'].map(wanted),
    ['through', 'through', 'yes', 'no', 'no', 'no', 'no'],
  )
  assert.equal(['docs/', 'docs/a/', 'docs/a/b', 'docs/x.test.ts', 'docs'].map(wanted), [
    'yes',
    'yes',
    'yes',
    'no',
    'no',
  ])
})

test('a filter of nothing wants everything, and one to exclude all else', () => {
  const path = [Buffer.from('a'), Buffer.from('b.log')]
  assert.is(new Filter({}).at(path, false).wanted, 'yes')
  assert.is(new Filter({ exclude: ['*.txt'] }).at(path, false).wanted, 'yes')
  assert.is(new Filter({ exclude: ['*.log'] }).at(path, false).wanted, 'no')
})

test.run()
