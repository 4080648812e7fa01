/** The command line of a benchmark: `--help`, and options that are texts, numbers or switches. */
import { type ParseArgsConfig, parseArgs } from 'node:util'

type Options = NonNullable<ParseArgsConfig['options']>

/** @param help what `--help` prints, and nothing is run */
export function argumentsOf<const T extends Options>(help: string, options: T) {
  if (process.argv.slice(2).includes('--help')) {
    console.log(help.trim())
    process.exit(0)
  }
  return parseArgs({ options }).values
}

/** `1e3,100000`: numbers that are above 0. */
export function numbersOf(text: string): readonly number[] {
  return text.split(',').map(numberOf)
}

export function numberOf(text: string): number {
  const number = Number(text)
  if (Number.isSafeInteger(number) && number > 0) return number
  throw new Error(`'${text}' is no whole number above 0`)
}
