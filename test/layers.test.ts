/** House rules that a test can keep: which folder may import which, sizes, and what is banned. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const test = suite('house rules')

/** What the files of each folder of src/ may import from the other folders. */
const LAYERS: Record<string, readonly string[]> = {
  xdr: [],
  rpc: ['xdr'],
  store: ['xdr'],
  fs: ['xdr', 'store'],
  nfs: ['xdr', 'rpc', 'fs'],
  snapshot: ['xdr', 'store', 'fs'],
  check: ['xdr', 'store', 'fs', 'snapshot'],
  backup: ['xdr', 'store', 'fs', 'snapshot', 'check'],
  control: ['xdr', 'rpc', 'fs', 'snapshot', 'check', 'backup'],
}
/** Folders that put the others together. */
const TOP = ['cli']
/** nfs/ sees the file system by its interface and its errors alone. */
const SEAM = ['src/fs/filesystem.ts', 'src/fs/error.ts']

const LINES_MAX = 300
const FUNCTION_LINES_MAX = 40
const COLUMNS_MAX = 100

function files(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => `${folder}/${file}`)
}

const read = (file: string): string => readFileSync(file, 'utf8')
const importsOf = (source: string): string[] =>
  [...source.matchAll(/(?:from|import) '(\.[^']+)'/g)].map((match) => match[1] ?? '')

const sources = files('src')
const everything = [...sources, ...files('test'), ...files('bench')]

test('every folder of src/ has its place', () => {
  const folders = readdirSync('src', { withFileTypes: true }).filter((entry) => entry.isDirectory())
  assert.equal(
    folders.map(({ name }) => name).filter((name) => !(name in LAYERS) && !TOP.includes(name)),
    [],
  )
})

for (const [layer, below] of Object.entries(LAYERS)) {
  test(`${layer} imports only ${below.join(', ') || 'itself'}`, () => {
    for (const file of sources.filter((one) => one.startsWith(`src/${layer}/`))) {
      const foreign = importsOf(read(file))
        .map((path) => join(dirname(file), path).split('/'))
        .filter(
          ([, folder = '', ...rest]) => rest.length === 0 || ![layer, ...below].includes(folder),
        )
      assert.equal(foreign, [], file)
    }
  })
}

test('nfs sees the file system by its interface and its errors alone', () => {
  for (const file of sources.filter((one) => one.startsWith('src/nfs/'))) {
    const seen = importsOf(read(file))
      .map((path) => join(dirname(file), path))
      .filter((path) => path.startsWith('src/fs/') && !SEAM.includes(path))
    assert.equal(seen, [], file)
  }
})

test(`a file of src/ has at most ${LINES_MAX} lines`, () => {
  const long = sources.filter((file) => read(file).split('\n').length - 1 > LINES_MAX)
  assert.equal(long, [])
})

test(`a line has at most ${COLUMNS_MAX} columns`, () => {
  for (const file of everything) {
    const long = read(file)
      .split('\n')
      // What the formatter cannot break is a text: a message, a row of bytes, a regular expression.
      .filter((line) => [...line].length > COLUMNS_MAX && !/['"`/]/.test(line))
    assert.equal(long, [], file)
  }
})

/** First lines of functions and methods, as the formatter writes them. */
const FUNCTION =
  /^(\s*)(?:export )?(?:async )?(?:function\b|(?:static |override |readonly )*(?:async )?(?:get |set )?\*?#?\w+(?:<.*>)?\(.*\{$|(?:const|readonly) #?\w+.*=>\s*\{$)/

function* functionsOf(lines: readonly string[]): Generator<{ name: string; length: number }> {
  for (const [i, line] of lines.entries()) {
    const indent = FUNCTION.exec(line)?.[1]
    if (indent === undefined || /^\s*(if|for|while|switch|catch|test|suite)\b/.test(line)) continue
    const end = lines.findIndex((other, j) => j > i && other.startsWith(`${indent}}`))
    if (end !== -1) yield { name: line.trim(), length: end - i + 1 }
  }
}

test(`a function of src/ has at most ${FUNCTION_LINES_MAX} lines`, () => {
  for (const file of sources) {
    const long = [...functionsOf(read(file).split('\n'))].filter(
      ({ length }) => length > FUNCTION_LINES_MAX,
    )
    assert.equal(long, [], file)
  }
})

/** What is not written, with what to do instead, and where it may stand all the same. */
const BANS: readonly (readonly [RegExp, string, RegExp])[] = [
  [/\bDate\.now\(|\bnew Date\(\)/, 'take a clock as a parameter', /^src\/(cli|volume|server)/],
  [/\bMath\.random\(/, 'take randomness as a parameter', /^$/],
  [/\bconsole\./, 'report through a parameter', /^$/],
  [/\bprocess\.(stdout|stderr|argv|env|exit)\b/, 'leave it to cli/', /^src\/cli\//],
  [/\bexport default\b/, 'give it a name', /^$/],
  [/\bTODO\b|\bFIXME\b|\bXXX\b/, 'do it, or open an issue', /^$/],
  [/: any\b|as any\b|<any>/, 'say what it is', /^src\/xdr\/codec\.ts$/],
  [/\/\/ eslint|@ts-ignore|@ts-nocheck|@ts-expect-error/, 'mend the cause', /^$/],
]

for (const [ban, instead, except] of BANS) {
  test(`src/ has no ${ban.source}: ${instead}`, () => {
    assert.equal(
      sources.filter((file) => !except.test(file) && ban.test(read(file))),
      [],
    )
  })
}

test('no file is a drawer for odds and ends', () => {
  const drawer = /\/(util|utils|helpers?|misc|common|index)\.ts$/
  assert.equal(
    sources.filter((file) => drawer.test(file)),
    [],
  )
})

test('every test file runs its suites, and has no hooks that could fail green', () => {
  for (const file of everything.filter((one) => one.endsWith('.test.ts'))) {
    const source = read(file)
    // The names of suites are what stands before `= suite(`.
    const suites = [...source.matchAll(/const (\w+) = suite\(/g)].map((match) => match[1] ?? '')
    assert.ok(suites.length > 0, `${file} has no suite`)
    for (const name of suites) assert.match(source, `${name}.run()`, file)
    assert.not.match(source, /\.(before|after)(\.each)?\(/, file)
    assert.not.match(source, /\btest\.only\(/, file)
  }
})

test.run()
