import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { UsageError } from '../../src/cli/errors.ts'
import { type Asked, type Command, type Given, parse } from '../../src/cli/options.ts'

const test = suite('cli/options: the traps of argv')

const command = (name: string, args: string, options: Command['options'] = []): Command => ({
  ...{ name, args, usage: 'WHAT', about: '', options, examples: [], json: 'document' },
  run: async () => 0,
})

const COMMANDS = [
  command('snapshot create', '<name>'),
  command('snapshot list', ''),
  command('restore', '[...paths]', [
    { name: 'snapshot', value: 'NAME', about: '' },
    { name: 'to', value: 'PATH', about: '' },
    { name: 'listen', value: 'ADDR', many: true, about: '' },
    { name: 'mount-port', value: 'N', about: '' },
  ]),
  command('serve', '[dir]', [{ name: 'port', value: 'N', about: '' }]),
]

const asked = (...argv: string[]): Asked => parse(argv, COMMANDS)

function given(...argv: string[]): Given {
  const found = asked(...argv)
  assert.ok(found.what === 'run')
  return found.given
}

/** The sentence that refuses a command line. */
function refusal(...argv: string[]): string {
  try {
    parse(argv, COMMANDS)
  } catch (error) {
    assert.instance(error, UsageError)
    return (error as Error).message
  }
  throw new Error(`not refused: ${argv.join(' ')}`)
}

for (const word of [
  '001',
  '1e3',
  '0x10',
  '1.10',
  'true',
  'false',
  '-0',
  ' ',
  'no-x',
  'a=b',
  '\n',
]) {
  test(`${JSON.stringify(word)} stays text, as an option's value and as an argument`, () => {
    assert.is(given('restore', '--snapshot', word).value('snapshot'), word)
    assert.is(given('restore', `--snapshot=${word}`).value('snapshot'), word)
    assert.equal(given('restore', '--', word).args, [word])
    if (!word.startsWith('-')) assert.equal(given('snapshot', 'create', word).args, [word])
  })
}

test('a word behind a flag is an argument, not the value of the flag', () => {
  const found = given('snapshot', 'create', '--json', '001')
  assert.equal(found.args, ['001'])
  assert.ok(found.flag('json'))
  assert.equal(given('--json', 'snapshot', 'create', 'false').args, ['false'])
})

test('options may stand anywhere', () => {
  const found = given('--data', 'd', 'restore', 'a', '--snapshot', '1', 'b', '--json')
  assert.equal(found.args, ['a', 'b'])
  assert.is(found.value('data'), 'd')
  assert.is(found.value('snapshot'), '1')
})

test('words behind -- are arguments, whatever they look like', () => {
  const found = given('restore', 'a', '--snapshot', 's', '--', '-b', '--json', '--', '--to=x')
  assert.equal(found.args, ['a', '-b', '--json', '--', '--to=x'])
  assert.not(found.flag('json'))
  assert.is(found.value('to'), undefined)
})

test('a value may begin with a dash, and a lone dash is an argument', () => {
  assert.is(given('restore', '--to', '-x').value('to'), '-x')
  assert.is(given('restore', '--to=--json').value('to'), '--json')
  assert.equal(given('restore', '-').args, ['-'])
})

test('values may have equals signs and dots, and options have no dots', () => {
  assert.is(given('restore', '--to=a=b=c').value('to'), 'a=b=c')
  assert.is(given('restore', '--to', 'a.b').value('to'), 'a.b')
  assert.match(
    refusal('restore', '--to.a', 'b'),
    /^there is no option '--to\.a'; did you mean '--to'\?$/,
  )
})

test('an option that may be given several times keeps them all, in order', () => {
  assert.equal(given('restore', '--listen', '1', '--listen=2').values('listen'), ['1', '2'])
  assert.equal(given('restore').values('listen'), [])
})

test('names with hyphens, and names that objects have, are just names', () => {
  assert.is(given('restore', '--mount-port', '5').port('mount-port'), 5)
  for (const name of ['__proto__', 'constructor', 'toString']) {
    assert.match(refusal('restore', `--${name}`, 'x'), /^there is no option/)
    assert.match(refusal(name), /^there is no command/)
  }
})

const REFUSED: [string[], string][] = [
  [['restore', '--snapshto', 'x'], "there is no option '--snapshto'; did you mean '--snapshot'?"],
  [['restore', '-x'], "there is no option '-x'; a path that begins with '-' goes behind '--'"],
  [['restore', '--no-json'], "there is no option '--no-json'; did you mean '--json'?"],
  [['restore', '--snapshot'], '--snapshot needs a value: --snapshot NAME'],
  [['restore', '--snapshot', '--json'], '--snapshot needs a value: --snapshot NAME'],
  [['restore', '--snapshot', '--to=x'], '--snapshot needs a value: --snapshot NAME'],
  [['restore', '--snapshot', '--'], '--snapshot needs a value: --snapshot NAME'],
  [['restore', '--snapshot='], '--snapshot needs a value: --snapshot NAME'],
  [['restore', '--snapshot', ''], '--snapshot needs a value: --snapshot NAME'],
  [['restore', '--to', 'a', '--to', 'b'], '--to is given twice'],
  [['restore', '--json=yes'], '--json takes no value'],
  [['snapshot', 'list', '--port', '1'], "'snapshot list' has no option '--port'"],
  [['snapshot', 'list', 'x'], "'snapshot list' takes no arguments: what is 'x'?"],
  [['snapshot', 'create'], "'snapshot create' needs WHAT"],
  [['snapshot', 'create', 'a', 'b'], "'snapshot create' takes WHAT only: what is 'b'?"],
  [['snapshot'], 'snapshot what: create, list?'],
  [['snapshot', 'lsit'], "'snapshot' has no 'lsit', it has: create, list; did you mean 'list'?"],
  [['restor'], "there is no command 'restor'; did you mean 'restore'?"],
  [['mount'], "there is no command 'mount'; there are: snapshot, restore, serve"],
  [['--json'], 'no command was given'],
]

for (const [argv, sentence] of REFUSED) {
  test(`refuses '${argv.join(' ')}'`, () => {
    assert.is(refusal(...argv), sentence)
  })
}

test('help is asked for in every way people try', () => {
  const topics: [string[], string | undefined][] = [
    [['--help'], undefined],
    [['-h'], undefined],
    [['help'], undefined],
    [['help', 'restore'], 'restore'],
    [['restore', '--help'], 'restore'],
    [['restore', 'x', '-h', '--snapshot', 'y'], 'restore'],
    [['snapshot', '--help'], 'snapshot'],
    [['help', 'snapshot'], 'snapshot'],
    [['snapshot', 'create', '--help'], 'snapshot create'],
    [['help', 'snapshot', 'create'], 'snapshot create'],
  ]
  for (const [argv, topic] of topics) assert.equal(asked(...argv), { what: 'help', topic })
  assert.is(refusal('help', 'nonsense').slice(0, 22), "there is no command 'n")
})

test('the version is asked for by either name', () => {
  assert.equal(asked('--version'), { what: 'version' })
  assert.equal(asked('-v'), { what: 'version' })
})

test('a port is a number from 1 to 65535', () => {
  assert.is(given('serve', '--port', '2049').port('port'), 2049)
  assert.is(given('serve').port('port'), undefined)
  for (const bad of ['0', '65536', '-1', '1e3', '0x10', '20.5', 'nfs', '123456789', '٣']) {
    assert.throws(
      () => given('serve', `--port=${bad}`).port('port'),
      /--port is a number from 1 to/,
    )
  }
})

test('a word is one of those allowed', () => {
  const found = given('restore', '--to', 'asnyc')
  const sentence = "--to is one of sync, async, not 'asnyc'; did you mean 'async'?"
  assert.throws(
    () => found.word('to', ['sync', 'async'], 'sync'),
    (error: Error) => error instanceof UsageError && error.message === sentence,
  )
  assert.is(given('restore').word('to', ['sync', 'async'], 'sync'), 'sync')
})

test.run()
