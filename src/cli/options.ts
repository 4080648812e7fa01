/**
 * The command line, read by cac behind a wrapper that takes its traps away:
 *
 * - cac makes numbers of what looks like one (`001`, `1e3`, `0x10`). Here every word that is not an
 *   option's name goes in behind a NUL, which no argument of a process can hold, and comes out
 *   without it.
 * - Its commands are one word; here `snapshot create` goes in as one.
 * - Words behind `--` come apart from the others, an option without a value takes the next word,
 *   and a mistake is found late or never. Here the words are sorted out, and refused, before.
 */
import { CAC } from 'cac'
import type { Context } from './context.ts'
import { UsageError } from './errors.ts'
import { didYouMean } from './suggest.ts'

const MARK = '\0'

export interface OptionSpec {
  /** Without its dashes. */
  readonly name: string
  /** What its value is called; undefined where it takes none. */
  readonly value?: string
  readonly short?: string
  /** It may be given several times. */
  readonly many?: true
  readonly about: string
}

export interface Command {
  /** One word, or two: `snapshot create`. */
  readonly name: string
  /** Its arguments as cac writes them: `<name>`, `[dir]`, `[...paths]`. */
  readonly args: string
  /** And as people read them: `NAME`. */
  readonly usage: string
  readonly about: string
  readonly options: readonly OptionSpec[]
  /** It is about one dataset, which `--dataset` names. */
  readonly ofDataset?: true
  readonly examples: readonly string[]
  /** More to know, in the help. */
  readonly notes?: string
  /** What `--json` prints: one document, or one for each event. */
  readonly json: 'document' | 'lines'
  run(context: Context, given: Given): Promise<number>
}

/** Options that every command takes. */
export const COMMON_OPTIONS: readonly OptionSpec[] = [
  {
    name: 'data',
    value: 'DIR',
    about: 'the data folder (default: $ZEROFS_NFS_DATA, else ./data)',
  },
  { name: 'json', about: 'print JSON, for programs' },
  { name: 'help', short: 'h', about: 'show this help' },
  { name: 'version', short: 'v', about: 'show the version' },
]

/** An option of those that are about one dataset. */
export const DATASET_OPTION: OptionSpec = {
  name: 'dataset',
  value: 'NAME',
  about: "the dataset it is about: --dataset projects (default: '/', the root)",
}

/** What a command was given. */
export class Given {
  /** The arguments behind the command's name. */
  readonly args: readonly string[]
  readonly #options: ReadonlyMap<string, readonly string[]>

  constructor(args: readonly string[], options: ReadonlyMap<string, readonly string[]>) {
    this.args = args
    this.#options = options
  }

  flag(name: string): boolean {
    return this.#options.has(name)
  }

  value(name: string): string | undefined {
    return this.#options.get(name)?.[0]
  }

  values(name: string): readonly string[] {
    return this.#options.get(name) ?? []
  }

  /** The same with one option more. */
  with(name: string, value: string): Given {
    return new Given(this.args, new Map([...this.#options, [name, [value]]]))
  }

  /** @throws UsageError unless the value is one of `words` */
  word<T extends string>(name: string, words: readonly T[], otherwise: T): T {
    const value = this.value(name)
    if (value === undefined) return otherwise
    const found = words.find((word) => word === value)
    if (found !== undefined) return found
    const meant = didYouMean(value, words)
    throw new UsageError(`--${name} is one of ${words.join(', ')}, not '${value}'${meant}`)
  }

  /** @throws UsageError unless the value is a port number */
  port(name: string): number | undefined {
    const value = this.value(name)
    if (value === undefined) return undefined
    const port = /^\d{1,5}$/.test(value) ? Number(value) : 0
    if (port >= 1 && port <= 65_535) return port
    throw new UsageError(`--${name} is a number from 1 to 65535, not '${value}'`)
  }
}

/** The words of a command line, sorted. */
interface Words {
  readonly plain: string[]
  readonly options: Map<string, string[]>
}

/** What a command line asks for. */
export type Asked =
  | { readonly what: 'run'; readonly command: Command; readonly given: Given }
  | { readonly what: 'help'; readonly topic: string | undefined }
  | { readonly what: 'version' }

/** @throws UsageError */
export function parse(argv: readonly string[], commands: readonly Command[]): Asked {
  const words = sortOut(argv, commands)
  const { plain, options } = words
  const helped = plain[0] === 'help' ? plain.slice(1) : undefined
  if (helped !== undefined || options.has('help')) {
    return { what: 'help', topic: topicOf(helped ?? plain, commands) }
  }
  if (options.has('version')) return { what: 'version' }
  const command = findCommand(plain, commands)
  return { what: 'run', command, given: throughCac(command, words) }
}

export function optionsOf({ options, ofDataset }: Command): readonly OptionSpec[] {
  return [...options, ...(ofDataset ? [DATASET_OPTION] : []), ...COMMON_OPTIONS]
}

function sortOut(argv: readonly string[], commands: readonly Command[]): Words {
  const known = new Map<string, OptionSpec>()
  for (const spec of commands.flatMap(optionsOf)) {
    known.set(`--${spec.name}`, spec)
    if (spec.short !== undefined) known.set(`-${spec.short}`, spec)
  }
  const words: Words = { plain: [], options: new Map() }
  const rest = [...argv]
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--') {
      words.plain.push(...rest)
      break
    }
    if (!word.startsWith('-') || word === '-') words.plain.push(word)
    else takeOption(word, rest, known, words)
  }
  return words
}

function takeOption(
  word: string,
  rest: string[],
  known: ReadonlyMap<string, OptionSpec>,
  { options }: Words,
): void {
  const [, flag = word, inline] = /^(--[^=]*)=(.*)$/s.exec(word) ?? []
  const spec = known.get(flag)
  if (spec === undefined) {
    const meant = didYouMean(
      flag,
      [...known.keys()].filter((name) => name.length > 2),
    )
    const hint = meant === '' ? "; a path that begins with '-' goes behind '--'" : meant
    throw new UsageError(`there is no option '${flag}'${hint}`)
  }
  const values = options.get(spec.name) ?? []
  if (spec.value === undefined) {
    if (inline !== undefined) throw new UsageError(`--${spec.name} takes no value`)
  } else if (values.length > 0 && spec.many !== true) {
    throw new UsageError(`--${spec.name} is given twice`)
  } else {
    values.push(takeValue(spec, inline, rest, known))
  }
  options.set(spec.name, values)
}

function takeValue(
  spec: OptionSpec,
  inline: string | undefined,
  rest: string[],
  known: ReadonlyMap<string, OptionSpec>,
): string {
  const next = rest[0]
  const missing = next === undefined || next === '--' || known.has(next.replace(/=.*$/s, ''))
  const value = inline ?? (missing ? undefined : rest.shift())
  if (value === undefined || value === '') {
    throw new UsageError(`--${spec.name} needs a value: --${spec.name} ${spec.value}`)
  }
  return value
}

/** The name of the command that help is wanted for, or the first word of several. */
function topicOf(plain: readonly string[], commands: readonly Command[]): string | undefined {
  const [first] = plain
  if (first === undefined) return undefined
  const two = plain.slice(0, 2).join(' ')
  if (commands.some(({ name }) => name === two)) return two
  if (commands.some(({ name }) => name.split(' ')[0] === first)) return first
  throw new UsageError(unknown(first, commands))
}

/** Takes the command's name off the words. */
function findCommand(plain: string[], commands: readonly Command[]): Command {
  const [first, second] = plain
  if (first === undefined) throw new UsageError('no command was given')
  const two = commands.find(({ name }) => name === `${first} ${second}`)
  const found = two ?? commands.find(({ name }) => name === first)
  if (found !== undefined) {
    plain.splice(0, two === undefined ? 1 : 2)
    return found
  }
  const actions = commands.flatMap(({ name }) => {
    const [group, action] = name.split(' ')
    return group === first && action !== undefined ? [action] : []
  })
  if (actions.length === 0) throw new UsageError(unknown(first, commands))
  if (second === undefined) throw new UsageError(`${first} what: ${actions.join(', ')}?`)
  const meant = didYouMean(second, actions)
  throw new UsageError(`'${first}' has no '${second}', it has: ${actions.join(', ')}${meant}`)
}

function unknown(word: string, commands: readonly Command[]): string {
  const names = [...new Set(commands.map(({ name }) => name.split(' ')[0] ?? name))]
  return `there is no command '${word}'${didYouMean(word, names) || `; there are: ${names.join(', ')}`}`
}

/** Lets cac match the arguments to the command. */
function throughCac(command: Command, { plain, options }: Words): Given {
  const cac = new CAC('zerofs-nfs')
  const matching = cac.command(`${command.name} ${command.args}`.trim(), command.about)
  const specs = optionsOf(command)
  for (const name of options.keys()) {
    if (!specs.some((spec) => spec.name === name)) {
      throw new UsageError(`'${command.name}' has no option '--${name}'`, command.name)
    }
  }
  for (const { name, value, about } of specs) {
    matching.option(value === undefined ? `--${name}` : `--${name} <${name}>`, about)
  }
  checkCount(command, matching.args, plain)
  const flags = [...options].flatMap(([name, values]) =>
    values.length === 0 ? [`--${name}`] : values.map((value) => `--${name}=${MARK}${value}`),
  )
  const marked = plain.map((word) => MARK + word)
  const parsed = cac.parse(['node', 'zerofs-nfs', command.name, ...marked, ...flags], {
    run: false,
  })
  cac.runMatchedCommand()
  const unmark = (word: string) => word.slice(MARK.length)
  return new Given(parsed.args.map(unmark), valuesOf(parsed.options, specs, unmark))
}

function checkCount(
  { name, usage }: Command,
  args: readonly { readonly required: boolean; readonly variadic: boolean }[],
  given: readonly string[],
): void {
  const least = args.filter(({ required }) => required).length
  if (given.length < least) throw new UsageError(`'${name}' needs ${usage}`, name)
  const most = args.some(({ variadic }) => variadic) ? Infinity : args.length
  const extra = given[most]
  if (extra === undefined) return
  const takes = most === 0 ? 'takes no arguments' : `takes ${usage} only`
  throw new UsageError(`'${name}' ${takes}: what is '${extra}'?`, name)
}

function valuesOf(
  parsed: Record<string, unknown>,
  specs: readonly OptionSpec[],
  unmark: (word: string) => string,
): Map<string, readonly string[]> {
  const values = new Map<string, readonly string[]>()
  for (const { name, value } of specs) {
    const read = parsed[name.replace(/-[a-z]/g, (dash) => dash.slice(1).toUpperCase())]
    if (read === undefined) continue
    const list = (Array.isArray(read) ? read : [read]).map(String)
    values.set(name, value === undefined ? [] : list.map(unmark))
  }
  return values
}
