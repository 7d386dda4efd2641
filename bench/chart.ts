// Pure: figures as SVG, readable on light and dark pages.

export interface Bar {
  readonly label: string;
  readonly value: number;
  /** What is written behind the bar. */
  readonly text: string;
}

export interface Line {
  readonly label: string;
  readonly points: readonly (readonly [number, number])[];
}

const colours = ["#2a78b8", "#c8552b", "#3d8f4d", "#8a5cb5", "#a8790f", "#5d7180", "#b84a7d"];
const width = 720;
const style =
  "text{font:13px system-ui,sans-serif;fill:#57606a}.t{font-weight:600;font-size:14px}" +
  "line,path{stroke:#8c959f}@media(prefers-color-scheme:dark){text{fill:#adbac7}}";

/** Horizontal bars from 0; `limit` draws a line across them. */
export function barChart(title: string, bars: readonly Bar[], limit?: number): string {
  const left = 250;
  const most = Math.max(...bars.map(({ value }) => value), limit ?? 0);
  const scale = (value: number): number => Math.round((value / most) * (width - left - 90));
  const height = 44 + bars.length * 26;
  const drawn = bars.map(({ label, value, text }, at) => {
    const y = 36 + at * 26;
    return (
      `<text x="${left - 8}" y="${y + 14}" text-anchor="end">${escape(label)}</text>` +
      `<rect x="${left}" y="${y}" width="${Math.max(1, scale(value))}" height="18" rx="2" fill="${colours[0]}"/>` +
      `<text x="${left + scale(value) + 6}" y="${y + 14}">${escape(text)}</text>`
    );
  });
  const x = left + scale(limit ?? 0);
  const mark =
    limit === undefined
      ? ""
      : `<line x1="${x}" x2="${x}" y1="30" y2="${height - 8}" stroke-dasharray="4 3"/>`;
  return svg(title, height, drawn.join("") + mark);
}

/** Lines over logarithmic axes, for values that span powers of ten. */
export function lineChart(
  title: string,
  axes: { readonly x: string; readonly y: string },
  lines: readonly Line[],
): string {
  const [left, right, top, bottom] = [70, width - 170, 40, 300];
  const points = lines.flatMap((line) => line.points);
  const spanOf = (values: readonly number[]): readonly [number, number] => [
    Math.floor(Math.log10(Math.min(...values))),
    Math.ceil(Math.log10(Math.max(...values))),
  ];
  const [x0, x1] = spanOf(points.map(([x]) => x));
  const [y0, y1] = spanOf(points.map(([, y]) => y));
  const x = (value: number): number =>
    Math.round(left + ((Math.log10(value) - x0) / Math.max(1, x1 - x0)) * (right - left));
  const y = (value: number): number =>
    Math.round(bottom - ((Math.log10(value) - y0) / Math.max(1, y1 - y0)) * (bottom - top));
  const ticks = [
    ...powers(x0, x1).map(
      (power) =>
        `<text x="${x(10 ** power)}" y="${bottom + 18}" text-anchor="middle">${short(power)}</text>`,
    ),
    ...powers(y0, y1).map(
      (power) =>
        `<line x1="${left}" x2="${right}" y1="${y(10 ** power)}" y2="${y(10 ** power)}" stroke-width="0.4"/>` +
        `<text x="${left - 8}" y="${y(10 ** power) + 4}" text-anchor="end">${short(power)}</text>`,
    ),
  ];
  const drawn = lines.map(({ label, points }, at) => {
    const colour = colours[at % colours.length];
    const path = points.map(([px, py]) => `${x(px)} ${y(py)}`).join(" L ");
    return (
      `<path d="M ${path}" fill="none" style="stroke:${colour}" stroke-width="2"/>` +
      `<rect x="${right + 14}" y="${top + at * 22}" width="10" height="10" fill="${colour}"/>` +
      `<text x="${right + 30}" y="${top + 10 + at * 22}">${escape(label)}</text>`
    );
  });
  const names =
    `<text x="${(left + right) / 2}" y="${bottom + 40}" text-anchor="middle">${escape(axes.x)}</text>` +
    `<text x="${left - 50}" y="${top - 8}">${escape(axes.y)}</text>`;
  return svg(title, bottom + 54, ticks.join("") + drawn.join("") + names);
}

function svg(title: string, height: number, content: string): string {
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escape(title)}">` +
    `<style>${style}</style><text class="t" x="8" y="20">${escape(title)}</text>${content}</svg>\n`
  );
}

function powers(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, at) => from + at);
}

function short(power: number): string {
  if (power >= 6) return `${10 ** (power - 6)} M`;
  if (power >= 3) return `${10 ** (power - 3)} k`;
  return (10 ** power).toFixed(Math.max(0, -power));
}

function escape(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
