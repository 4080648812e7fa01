/** What every command works with. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Io } from './io.ts'
import type { Given } from './options.ts'
import type { Parts } from './parts.ts'
import { shellWord } from './text.ts'

export interface Context {
  readonly io: Io
  readonly parts: Parts
  readonly version: string
  readonly json: boolean
  /** Prints a line for people, or with `--json` a value for programs. */
  readonly print: (text: string) => void
  readonly printJson: (value: unknown) => void
  readonly warn: (text: string) => void
  /** For `print`: in colour on a terminal, unless NO_COLOR is set. */
  readonly style: (style: Style, text: string) => string
  /** A path of the dataset as the user writes it: with the dataset's name, where that was in it. */
  readonly seen: (path: Uint8Array) => Uint8Array
}

/** As ECMA-48 numbers them (SGR). */
const STYLES = { bold: 1, dim: 2, red: 31, green: 32 }
type Style = keyof typeof STYLES

const DATA_DEFAULT = 'data'

export function contextOf(io: Io, parts: Parts, json: boolean): Context {
  const colour = io.stdout.isTTY && !io.env.NO_COLOR && io.env.TERM !== 'dumb'
  return {
    ...{ io, parts, json, version: version() },
    print: (text) => {
      if (!json) io.stdout.write(`${text}\n`)
    },
    printJson: (value) => {
      if (json) io.stdout.write(`${JSON.stringify(value)}\n`)
    },
    warn: (text) => io.stderr.write(`${text}\n`),
    seen: (path) => path,
    style: (style, text) => (colour ? `\u001b[${STYLES[style]}m${text}\u001b[0m` : text),
  }
}

/** The same, with stderr for what it prints, where stdout is for data. */
export function onStderr(context: Context): Context {
  const { io, json, warn } = context
  return {
    ...context,
    print: (text) => {
      if (!json) io.stderr.write(`${text}\n`)
    },
    printJson: (value) => {
      if (json) warn(JSON.stringify(value))
    },
  }
}

export function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  const { version: found } = JSON.parse(text) as { version: string }
  return found
}

/** The data folder that a command is about, absolute. */
export function dataFolder({ io }: Context, given: Given): string {
  return resolve(io.cwd, given.value('data') ?? (io.env.ZEROFS_NFS_DATA || DATA_DEFAULT))
}

/** `--data DIR ` for a command that is printed, where the default would not do. */
export function dataOption({ io }: Context, given: Given): readonly string[] {
  const value = given.value('data')
  return value === undefined ? [] : ['--data', resolve(io.cwd, value)]
}

/** `--dataset NAME` likewise. */
export function datasetOption(given: Given): readonly string[] {
  const value = given.value('dataset')
  return value === undefined ? [] : ['--dataset', value]
}

/** The same with a space ahead, for a hint between quotes; or nothing. */
export function datasetWords(given: Given): string {
  return datasetHint(given.value('dataset') ?? '')
}

/** @param name of a dataset; empty for the root dataset */
export function datasetHint(name: string): string {
  return name === '' ? '' : ` --dataset ${shellWord(name)}`
}
