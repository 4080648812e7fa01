/** The help texts. */
import {
  COMMON_OPTIONS,
  type Command,
  DATASET_OPTION,
  type OptionSpec,
  optionsOf,
} from './options.ts'
import { columns } from './text.ts'

const EXIT_CODES = [
  ['0', 'it is done'],
  ['1', 'it failed; the sentence on stderr says why'],
  ['2', 'the command line is wrong'],
  ['3', 'some of the files could not be restored; they are listed'],
  ['4', 'no such snapshot, path, dataset or store'],
  ['5', 'another process has the store open'],
  ['130', 'interrupted'],
]

const ABOUT = 'an NFSv3 file server with instant copy-on-write snapshots'

const indented = (lines: readonly string[]) => lines.map((line) => `  ${line}`)

function optionLines(specs: readonly OptionSpec[]): string[] {
  return indented(
    columns(
      specs.map(({ name, value, short, about }) => {
        const long = `--${name}${value === undefined ? '' : ` ${value}`}`
        return [short === undefined ? `    ${long}` : `-${short}, ${long}`, about]
      }),
    ),
  )
}

function commandLines(commands: readonly Command[]): string[] {
  return indented(columns(commands.map(({ name, usage, about }) => [`${name} ${usage}`, about])))
}

/** `zerofs-nfs --help` */
export function generalHelp(commands: readonly Command[], version: string): string {
  return [
    `zerofs-nfs ${version}: ${ABOUT}`,
    '',
    'Usage: zerofs-nfs COMMAND [ARGUMENTS] [OPTIONS]',
    '',
    'Commands:',
    ...commandLines(commands),
    '',
    'Options of every command:',
    ...optionLines(COMMON_OPTIONS),
    '',
    'Of those about snapshots, schedules and files:',
    ...optionLines([DATASET_OPTION]),
    '',
    'Exit codes:',
    ...indented(columns(EXIT_CODES)),
    '',
    "'zerofs-nfs COMMAND --help' tells more of a command, with examples.",
    '',
  ].join('\n')
}

/** `zerofs-nfs snapshot create --help` */
export function commandHelp(command: Command): string {
  const { name, usage, about, notes, examples } = command
  return [
    `${about[0]?.toUpperCase()}${about.slice(1)}.`,
    '',
    `Usage: ${usageLine({ name, usage })}`,
    ...(notes === undefined ? [] : ['', notes]),
    '',
    'Options:',
    ...optionLines(optionsOf(command)),
    '',
    'Examples:',
    ...indented(examples),
    '',
  ].join('\n')
}

/** `zerofs-nfs snapshot --help`: which there are, and then each of them. */
export function groupHelp(commands: readonly Command[]): string {
  const all = ['Commands:', ...commandLines(commands), ''].join('\n')
  return [all, ...commands.map(commandHelp)].join('\n\n')
}

export function usageLine({ name, usage }: Pick<Command, 'name' | 'usage'>): string {
  return `zerofs-nfs ${name}${usage === '' ? '' : ` ${usage}`} [OPTIONS]`
}
