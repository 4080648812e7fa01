/** The command: finds out what is asked for, does it, and answers with an exit code. */
import { backup } from './backup.ts'
import { check } from './check.ts'
import { clone, datasetClone, datasetPromote } from './clone.ts'
import { type Context, contextOf, version } from './context.ts'
import {
  datasetCreate,
  datasetDelete,
  datasetInfo,
  datasetList,
  datasetRename,
  datasetSet,
} from './dataset.ts'
import { diff } from './diff.ts'
import { Exit, exitOf, UsageError } from './errors.ts'
import { commandHelp, generalHelp, groupHelp, usageLine } from './help.ts'
import { deleted, versions } from './history.ts'
import { type Io, processIo } from './io.ts'
import { type Command, type Given, parse } from './options.ts'
import { type Parts, realParts } from './parts.ts'
import { restore } from './restore.ts'
import { rollback } from './rollback.ts'
import { scheduleOff, schedulePrune, scheduleRun, scheduleSet, scheduleShow } from './schedule.ts'
import { scrub } from './scrub.ts'
import { serve } from './serve.ts'
import { snapshotCreate } from './snapshot-create.ts'
import { snapshotDelete } from './snapshot-delete.ts'
import { snapshotInfo, snapshotList } from './snapshot-list.ts'
import { snapshotHold, snapshotRelease, snapshotRename, snapshotTag } from './snapshot-notes.ts'
import { status } from './status.ts'

const COMMANDS: readonly Command[] = [
  serve,
  status,
  check,
  scrub,
  backup,
  snapshotCreate,
  snapshotList,
  snapshotInfo,
  snapshotRename,
  snapshotTag,
  snapshotHold,
  snapshotRelease,
  snapshotDelete,
  restore,
  rollback,
  diff,
  versions,
  deleted,
  datasetCreate,
  datasetList,
  datasetInfo,
  datasetRename,
  datasetSet,
  datasetDelete,
  clone,
  datasetClone,
  datasetPromote,
  scheduleShow,
  scheduleSet,
  scheduleOff,
  scheduleRun,
  schedulePrune,
]

/** @param argv the words behind the program's name */
export async function main(
  argv: readonly string[],
  io: Io = processIo(),
  parts: Parts = realParts,
): Promise<number> {
  let asked: ReturnType<typeof parse>
  try {
    if (argv.length === 0) {
      io.stderr.write(generalHelp(COMMANDS, version()))
      return Exit.USAGE
    }
    asked = parse(argv, COMMANDS)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    const command = COMMANDS.find(({ name }) => name === error.command)
    return refuse(contextOf(io, parts, argv.includes('--json')), error, command)
  }
  if (asked.what === 'version') io.stdout.write(`zerofs-nfs ${version()}\n`)
  else if (asked.what === 'help') io.stdout.write(help(asked.topic))
  else return run(asked.command, asked.given, contextOf(io, parts, asked.given.flag('json')))
  return Exit.OK
}

async function run(command: Command, given: Given, context: Context): Promise<number> {
  const { io } = context
  try {
    return await command.run(context, given)
  } catch (error) {
    if (error instanceof UsageError) return refuse(context, error, command)
    const exit = exitOf(error)
    const message = error instanceof Error ? error.message : String(error)
    io.stderr.write(`zerofs-nfs: ${message}\n`)
    if (io.env.ZEROFS_NFS_DEBUG && error instanceof Error) io.stderr.write(`${error.stack}\n`)
    context.printJson(failure(command, message, exit))
    // What was interrupted may still be running in this process.
    if (exit === Exit.INTERRUPTED) io.exit(exit)
    return exit
  }
}

/** For programs. */
function failure(command: Command | undefined, error: string, exit: number) {
  return { ...(command?.json === 'lines' ? { event: 'error' } : {}), error, exit }
}

function refuse(context: Context, { message }: UsageError, command: Command | undefined): number {
  const { io } = context
  context.printJson(failure(command, message, Exit.USAGE))
  io.stderr.write(`zerofs-nfs: ${message}\n`)
  if (command !== undefined) io.stderr.write(`usage: ${usageLine(command)}\n`)
  const topic = command === undefined ? '' : ` ${command.name}`
  io.stderr.write(`'zerofs-nfs${topic} --help' tells more\n`)
  return Exit.USAGE
}

function help(topic: string | undefined): string {
  if (topic === undefined) return generalHelp(COMMANDS, version())
  const found = COMMANDS.find(({ name }) => name === topic)
  if (found !== undefined) return commandHelp(found)
  return groupHelp(COMMANDS.filter(({ name }) => name.split(' ')[0] === topic))
}
