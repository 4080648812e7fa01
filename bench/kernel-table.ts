/** The table and the chart of bench/kernel.ts. */
import { PEERS } from './peers.ts'
import { aligned, median, OURS } from './report.ts'
import { dot, drawing, legend, line, logScale, rectangle, text } from './svg.ts'
import { milliseconds } from './tables.ts'
import { atLeast, ON_A_MOUNT } from './wanted.ts'

/** One piece of work, done once on one server. */
export interface Work {
  readonly server: string
  readonly work: string
  readonly ms: number
  /** Seconds of the server's. */
  readonly cpu: number
  /** `LOOKUP:120:45`: a procedure, how often the client called it, and its milliseconds in all. */
  readonly calls: readonly string[]
}

/** What the script calls it, and what it is. */
export const WORKS: readonly (readonly [work: string, title: string])[] = [
  ['untar', 'untar of the tree'],
  ['status', 'git status'],
  ['checkout', 'git checkout of 1 file in 5'],
  ['list', 'find with the size of each'],
  ['remove', 'rm -r'],
  ['write-runs', 'fio: write 1 MiB in order, fsync'],
  ['read-runs', 'fio: read 1 MiB in order'],
  ['read-pieces', 'fio: read 4 KiB, random, direct, 16 deep'],
  ['write-pieces', 'fio: write 4 KiB, random, direct, 16 deep'],
]
const SERVERS = [`${OURS} sync`, `${OURS} async`, ...PEERS]

interface Figure {
  readonly ms: number
  readonly cpu: number
}

function figureOf(works: readonly Work[], server: string, work: string): Figure | undefined {
  const all = works.filter((one) => one.server === server && one.work === work)
  if (all.length === 0) return undefined
  return { ms: median(all.map(({ ms }) => ms)), cpu: median(all.map(({ cpu }) => cpu)) }
}

/** The three procedures that the client waited for longest, as our `sync` server was asked. */
function callsOf(works: readonly Work[], work: string): string {
  const one = works.find((each) => each.server === `${OURS} sync` && each.work === work)
  const counted = (one?.calls ?? []).map((call) => {
    const [name = '', count, ms] = call.split(':')
    return { name, count: Number(count), ms: Number(ms) }
  })
  return counted
    .toSorted((a, b) => b.ms - a.ms)
    .slice(0, 3)
    .map(({ name, count }) => `${count.toLocaleString('en')} ${name}`)
    .join(', ')
}

export function kernelTable(works: readonly Work[]) {
  const head = ['', ...SERVERS, 'sync to nfs-ganesha', 'async to it', 'calls that took longest']
  const there = WORKS.filter(([work]) => works.some((one) => one.work === work))
  const rows = there.map(([work, title]) => {
    const figures = SERVERS.map((server) => figureOf(works, server, work))
    const shown = figures.map((figure) =>
      figure === undefined ? '' : `${milliseconds(figure.ms)} · ${milliseconds(figure.cpu * 1000)}`,
    )
    const peer = figureOf(works, PEERS[0], work)
    const ratios = figures.slice(0, 2).map((ours) => {
      if (ours === undefined || peer === undefined) return ''
      return atLeast(peer.ms / ours.ms, ON_A_MOUNT)
    })
    return [title, ...shown, ...ratios, callsOf(works, work)]
  })
  const counts = there.map(
    ([work]) => works.filter((one) => one.work === work && one.server === SERVERS[0]).length,
  )
  return { table: aligned(head, rows, 1), chart: chart(works), rounds: Math.min(...counts) }
}

const [WIDTH, LEFT, TOP, ROW] = [860, 300, 92, 30]
const LOOKS = ['first', 'fourth', 'second', 'third'] as const

/** How long each work took, with nfs-ganesha's time as 1. */
function chart(works: readonly Work[]): string {
  const scale = logScale(0.25, 4, LEFT, WIDTH - 60)
  const there = WORKS.filter(([work]) => figureOf(works, PEERS[0], work) !== undefined)
  const bottom = TOP + there.length * ROW
  const title = 'Work on a mount: the time it takes, of that on nfs-ganesha'
  const grid = [0.25, 0.5, 1, 2, 4].map((value) => {
    const x = scale(value)
    const numbers = [TOP - 8, bottom + 16].map((y) =>
      text({ x, y }, `${value}x`, 'faint small', 'middle'),
    )
    return line({ x, y: TOP }, { x, y: bottom }, value === 1 ? 'axis' : 'grid') + numbers.join('')
  })
  const rows = there.map(([, name], i) => {
    const y = TOP + i * ROW
    const stripe = { from: { x: 12, y }, to: { x: WIDTH - 12, y: y + ROW } }
    const back = i % 2 === 0 ? rectangle(stripe.from, stripe.to, 'stripe', 3) : ''
    return back + text({ x: 20, y: y + ROW / 2 + 4 }, name)
  })
  const dots = there.map(([work], i) => {
    const base = figureOf(works, PEERS[0], work)?.ms ?? Number.NaN
    const marks = SERVERS.map((server, s) => {
      const figure = figureOf(works, server, work)
      if (figure === undefined) return ''
      return dot({ x: scale(figure.ms / base), y: TOP + i * ROW + ROW / 2 }, LOOKS[s] ?? 'text')
    })
    return marks.reverse().join('')
  })
  const names = SERVERS.map((server, s) => [LOOKS[s] ?? 'text', server] as const).filter(
    ([, server]) => works.some((one) => one.server === server),
  )
  const head = [text({ x: 20, y: 30 }, title, 'strong title'), legend({ x: 20, y: 56 }, names)]
  return drawing(WIDTH, bottom + 34, title, [...head, ...rows, ...grid, ...dots])
}
