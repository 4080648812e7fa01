/** As much SVG as charts need, with a background of their own: they are read in light and dark. */

/** The looks of a class of elements, where the reader likes it light and where dark. */
interface Look {
  readonly light: string
  readonly dark: string
}

const FONT = "ui-sans-serif, system-ui, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif"
/** Classes whose colour fills, and, for lines, whose colour is their stroke. */
const LOOKS: Readonly<Record<string, Look>> = {
  page: { light: '#ffffff', dark: '#14171c' },
  strong: { light: '#16191f', dark: '#eceef2' },
  text: { light: '#333a45', dark: '#cbd1da' },
  faint: { light: '#6a7280', dark: '#8f98a6' },
  grid: { light: '#e4e7ec', dark: '#2a303a' },
  axis: { light: '#8a93a1', dark: '#6f7886' },
  stripe: { light: '#f6f7f9', dark: '#1a1e25' },
  first: { light: '#1f6feb', dark: '#5aa2ff' },
  second: { light: '#d9730d', dark: '#ff9d4d' },
  third: { light: '#6b8e23', dark: '#a3c653' },
  fourth: { light: '#a347ba', dark: '#d08be3' },
}

function rules(of: keyof Look): string {
  const lines = Object.entries(LOOKS).map(([name, { [of]: colour }]) => {
    const fill = `.${name}{fill:${colour}}line.${name}{stroke:${colour}}`
    return `${fill}path.${name}{fill:none;stroke:${colour}}`
  })
  return lines.join('')
}

const STYLE =
  `text{font:12px ${FONT}}text.title{font-size:16px;font-weight:600}text.small{font-size:11px}` +
  `text.bold{font-weight:600}path{stroke-width:2}line.mark{stroke-width:2}` +
  `${rules('light')}@media(prefers-color-scheme:dark){${rules('dark')}}`

type Attributes = Readonly<Record<string, string | number>>

export function element(name: string, attributes: Attributes, content = ''): string {
  const written = Object.entries(attributes).map(([key, value]) => ` ${key}="${plain(value)}"`)
  return `<${name}${written.join('')}${content === '' ? '/>' : `>${content}</${name}>`}`
}

/** Coordinates to a tenth of a pixel. */
function plain(value: string | number): string {
  return typeof value === 'number' ? `${Math.round(value * 10) / 10}` : escaped(value)
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}

export interface Point {
  readonly x: number
  readonly y: number
}

/** @param look classes: a colour, and `title`, `small` or `bold` */
export function text(at: Point, content: string, look = 'text', anchor = 'start'): string {
  const attributes = { x: at.x, y: at.y, class: look, 'text-anchor': anchor }
  return element('text', attributes, escaped(content))
}

export function rectangle(from: Point, to: Point, look: string, radius = 0): string {
  const [x, y] = [Math.min(from.x, to.x), Math.min(from.y, to.y)]
  const [width, height] = [Math.abs(to.x - from.x), Math.abs(to.y - from.y)]
  return element('rect', { x, y, width, height, rx: radius, class: look })
}

export function line(from: Point, to: Point, look: string): string {
  return element('line', { x1: from.x, y1: from.y, x2: to.x, y2: to.y, class: look })
}

export function dot({ x, y }: Point, look: string, r = 4.5): string {
  return element('circle', { cx: x, cy: y, r, class: look })
}

export function path(points: readonly Point[], look: string): string {
  const written = points.map(({ x, y }, i) => `${i === 0 ? 'M' : 'L'}${plain(x)} ${plain(y)}`)
  return element('path', { d: written.join(''), class: look })
}

/** Places of values, each step of so many pixels another factor. */
export function logScale(from: number, to: number, start: number, end: number) {
  const share = (value: number) => Math.log(value / from) / Math.log(to / from)
  return (value: number): number => start + (end - start) * Math.min(1, Math.max(0, share(value)))
}

/** A name for each colour, in one line; what follows begins at x. */
export function legend(
  at: Point,
  names: readonly (readonly [look: string, name: string])[],
): string {
  let x = at.x
  return names
    .map(([look, name]) => {
      const sample = dot({ x: x + 5, y: at.y - 4 }, look)
      const label = text({ x: x + 15, y: at.y }, name)
      x += 34 + name.length * 6.6
      return sample + label
    })
    .join('')
}

/** @param description what it shows, for who does not see it */
export function drawing(
  width: number,
  height: number,
  description: string,
  parts: readonly string[],
): string {
  const page = rectangle({ x: 0, y: 0 }, { x: width, y: height }, 'page', 8)
  const content = element('title', {}, escaped(description)) + element('style', {}, STYLE)
  const attributes = {
    ...{ xmlns: 'http://www.w3.org/2000/svg', viewBox: `0 0 ${width} ${height}` },
    ...{ width, height, role: 'img' },
  }
  return `${element('svg', attributes, `\n${[content, page, ...parts].join('\n')}\n`)}\n`
}
