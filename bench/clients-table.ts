/** The table and the chart of bench/clients.ts. */
import type { Measured } from './nfsbench.ts'
import { aligned, median, OURS } from './report.ts'
import { titleOf } from './rows.ts'
import { dot, drawing, legend, line, logScale, path, text } from './svg.ts'
import { size } from './tables.ts'

/** One operation, on one server, with so many connections, in one round. */
export interface Point {
  readonly server: string
  readonly operation: string
  readonly connections: number
  /** Bytes of memory that the server had afterwards. */
  readonly memory: number
  readonly measured: Measured
}

const MEMORY = 'memory of this server'
const [WIDTH, TOP, HEIGHT] = [860, 100, 170]
const LOOKS = ['first', 'second'] as const

const distinct = <T>(values: readonly T[]): readonly T[] => [...new Set(values)]
const serversOf = (points: readonly Point[]) =>
  distinct(points.map(({ server }) => server)).toSorted((a) => (a.startsWith(OURS) ? -1 : 1))

function pointsOf(points: readonly Point[], operation: string, server: string) {
  return distinct(points.map(({ connections }) => connections)).map((connections) => {
    const all = points.filter(
      (p) => p.operation === operation && p.server === server && p.connections === connections,
    )
    const of = (figure: (point: Point) => number) => median(all.map(figure))
    return {
      connections,
      rate: of(({ measured }) => measured.ops_per_s),
      p99: of(({ measured }) => measured.p99_us),
      cpu: of(({ measured }) => measured.server_cpu_us_per_op),
      memory: of(({ memory }) => memory),
    }
  })
}

export function clientsTable(points: readonly Point[]): string {
  const counts = distinct(points.map(({ connections }) => connections))
  const operations = distinct(points.map(({ operation }) => operation))
  const servers = serversOf(points)
  const lines = operations.flatMap((operation) =>
    servers.map((server) => {
      const cells = pointsOf(points, operation, server).map(
        ({ rate, p99, cpu }) =>
          `${Math.round(rate).toLocaleString('en')} · ${Math.round(p99)} us · ${cpu.toFixed(2)} us`,
      )
      return [titleOf(operation), server, ...cells]
    }),
  )
  const [ours = ''] = servers
  const memory = pointsOf(points, operations.at(-1) ?? '', ours).map((point) => size(point.memory))
  const head = ['ops/s · p99 · CPU', '', ...counts.map((count) => `${count}`)]
  return aligned(head, [...lines, [MEMORY, '', ...memory]], 2)
}

/** A small chart for each operation: the rate, by the number of connections. */
export function clientsChart(points: readonly Point[]): string {
  const operations = distinct(points.map(({ operation }) => operation))
  const title = 'Operations each second, by the number of connections'
  const servers = serversOf(points)
  const width = (WIDTH - 40) / operations.length
  const parts = operations.map((operation, i) => panel(points, operation, 20 + i * width, width))
  const names = servers.map((server, s) => [LOOKS[s] ?? 'third', server] as const)
  const head = [text({ x: 20, y: 30 }, title, 'strong title'), legend({ x: 20, y: 56 }, names)]
  return drawing(WIDTH, TOP + HEIGHT + 44, title, [...head, ...parts])
}

function panel(points: readonly Point[], operation: string, left: number, width: number): string {
  const servers = serversOf(points)
  const curves = servers.map((server) => pointsOf(points, operation, server))
  const counts = curves[0]?.map(({ connections }) => connections) ?? []
  const [start, end] = [left + 40, left + width - 18]
  const x = logScale(1, Math.max(2, ...counts), start, end)
  const most = niceAbove(Math.max(...curves.flat().map(({ rate }) => rate)))
  const y = (rate: number) => TOP + HEIGHT - (HEIGHT * rate) / most
  const grid = [0, most / 2, most].map((value) => {
    const label = text({ x: start - 6, y: y(value) + 4 }, shortly(value), 'faint small', 'end')
    return line({ x: start, y: y(value) }, { x: end, y: y(value) }, 'grid') + label
  })
  const below = counts.map((count) =>
    text({ x: x(count), y: TOP + HEIGHT + 18 }, `${count}`, 'faint small', 'middle'),
  )
  const drawn = curves.map((curve, s) => {
    const places = curve.map(({ connections, rate }) => ({ x: x(connections), y: y(rate) }))
    const look = LOOKS[s] ?? 'third'
    return path(places, look) + places.map((place) => dot(place, look, 3.5)).join('')
  })
  const name = text({ x: start, y: TOP - 12 }, titleOf(operation).split(',')[0] ?? '', 'text bold')
  return [name, ...grid, ...below, ...drawn.reverse()].join('\n')
}

/** A round number. */
function niceAbove(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value))
  return ([1, 1.5, 2, 3, 4, 6, 8].find((step) => step * power >= value) ?? 10) * power
}

function shortly(value: number): string {
  return value >= 1000 ? `${value / 1000}k` : `${value}`
}
