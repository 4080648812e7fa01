/** The charts of bench/compare.ts: how many times faster, and what an operation costs. */
import { PEERS, type PeerName } from './peers.ts'
import { OURS, type Row } from './report.ts'
import { dot, drawing, legend, line, logScale, type Point, rectangle, text } from './svg.ts'

const WIDTH = 860
const LEFT = 300
const RIGHT = WIDTH - 76
const TOP = 92
const ROW = 28
const FOOT = 34
const COLOURS: Readonly<Record<PeerName, string>> = { 'nfs-ganesha': 'second', unfs3: 'third' }

/** Where both are as fast. */
const ONE = '1x'

type Scale = (value: number) => number

interface Lines {
  readonly rows: readonly Row[]
  readonly title: string
  readonly legend: readonly (readonly [look: string, name: string])[]
  readonly scale: Scale
  readonly ticks: readonly (readonly [value: number, label: string])[]
  draw(row: Row, y: number): string
}

/** Rows with a label each, over a scale. */
function chart({ rows, title, legend: names, scale, ticks, draw }: Lines): string {
  const bottom = TOP + rows.length * ROW
  const stripes = rows.map((_, i) => {
    const y = TOP + i * ROW
    const from = { x: 12, y }
    return i % 2 === 0 ? rectangle(from, { x: WIDTH - 12, y: y + ROW }, 'stripe', 3) : ''
  })
  const grid = ticks.map(([value, label]) => {
    const x = scale(value)
    const look = label === ONE ? 'axis' : 'grid'
    const numbers = [TOP - 8, bottom + 16].map((y) =>
      text({ x, y }, label, 'faint small', 'middle'),
    )
    return line({ x, y: TOP }, { x, y: bottom }, look) + numbers.join('')
  })
  const labels = rows.map((row, i) => label(row, TOP + i * ROW + ROW / 2 + 4))
  const marks = rows.map((row, i) => draw(row, TOP + i * ROW + ROW / 2))
  const head = [text({ x: 20, y: 30 }, title, 'strong title'), legend({ x: 20, y: 56 }, names)]
  return drawing(WIDTH, bottom + FOOT, title, [...head, ...stripes, ...grid, ...labels, ...marks])
}

function label({ title, flow, mode, operation }: Row, y: number): string {
  const changes = CHANGES.includes(operation) ? `, ${mode}` : ''
  return (
    text({ x: 20, y }, `${title}${changes}`) + text({ x: LEFT - 14, y }, flow, 'faint small', 'end')
  )
}

const CHANGES = ['create', 'mkdir', 'rename', 'remove', 'setattr']

/** Bars from 1 outwards; a mark where the wanted ratio to nfs-ganesha is. */
function ratioChart(rows: readonly Row[]): string {
  const [least, most] = [0.25, 32]
  const scale = logScale(least, most, LEFT, RIGHT)
  const powers = [0.25, 0.5, 1, 2, 4, 8, 16, 32]
  return chart({
    rows,
    scale,
    title: 'How many times as fast as a peer (rate; at 1 x 1, median latency)',
    legend: [
      ...PEERS.map((peer) => [COLOURS[peer], `as ${peer}`] as const),
      ['strong', 'the line: what is wanted beside nfs-ganesha'],
    ],
    ticks: powers.map((value) => [value, `${value}x`]),
    draw: (row, y) => PEERS.map((peer, i) => ratioBar(row, peer, y + i * 12 - 11, scale)).join(''),
  })
}

function ratioBar(row: Row, peer: PeerName, y: number, scale: Scale): string {
  const theirs = row.peers[peer]
  if (theirs === undefined) return ''
  const { ours, wanted } = row
  const alone = wanted.latency !== undefined
  const ratio = alone ? theirs.p50 / ours.p50 : ours.rate / theirs.rate
  const bar = rectangle({ x: scale(1), y }, { x: scale(ratio), y: y + 10 }, COLOURS[peer], 2)
  const figure = text({ x: WIDTH - 22, y: y + 9.5 }, ratio.toFixed(1), 'faint small', 'end')
  const bound = peer === 'nfs-ganesha' ? (wanted.latency ?? wanted.rate[peer]) : undefined
  const mark = bound === undefined ? '' : wantedMark(scale(bound), y)
  return bar + figure + mark
}

function wantedMark(x: number, y: number): string {
  return line({ x, y: y - 1 }, { x, y: y + 11 }, 'strong mark')
}

/** One dot for each server. */
function cpuChart(rows: readonly Row[]): string {
  const [least, most] = [0.1, 2000]
  const scale = logScale(least, most, LEFT, RIGHT)
  const draw = ({ ours, peers }: Row, y: number) => {
    const dots: (readonly [Point, string])[] = [[{ x: scale(ours.cpu), y }, 'first']]
    for (const peer of PEERS) {
      const theirs = peers[peer]
      if (theirs !== undefined) dots.push([{ x: scale(theirs.cpu), y }, COLOURS[peer]])
    }
    const places = dots.map(([{ x }]) => x)
    const span = line({ x: Math.min(...places), y }, { x: Math.max(...places), y }, 'axis')
    return (
      span +
      dots
        .reverse()
        .map(([at, look]) => dot(at, look))
        .join('')
    )
  }
  return chart({
    rows,
    scale,
    title: "The server's CPU for one operation, MiB in order, or entry of a listing",
    legend: [['first', OURS], ...PEERS.map((peer) => [COLOURS[peer], peer] as const)],
    ticks: [0.1, 1, 10, 100, 1000].map((value) => [value, `${value} us`]),
    draw,
  })
}

export function comparisonCharts(rows: readonly Row[]): Readonly<Record<string, string>> {
  return { ratios: ratioChart(rows), cpu: cpuChart(rows) }
}
