// Draws the last hour: sessions per origin as lines, outcomes per minute as stacked areas.

const REFRESH_MS = 10_000;
const MINUTE_MS = 60_000;
const MINUTES = 60;
const HEIGHT = 170;
/** Lines of one chart, as many as there are colors for. */
const LINES = 8;

const OUTCOMES = [
  "hit",
  "new",
  "moved",
  "detour",
  "refused",
  "degraded",
  "expired",
  "invalid",
  "skip",
  "none",
];

const box = /** @type {HTMLElement} */ (document.querySelector("[data-history]"));
const numbers = new Intl.NumberFormat("en");

/** @param {string} name */
function token(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** The start of each of the last 60 minutes, in seconds. @param {number} now */
function minutesUpTo(now) {
  const last = Math.floor(now / MINUTE_MS);
  return Array.from(
    { length: MINUTES },
    (_, at) => ((last - MINUTES + 1 + at) * MINUTE_MS) / 1_000,
  );
}

/** Sessions stay as they were last counted; the last value is counted now. */
function sessionSeries({ origins, minutes }, times) {
  const known = new Map(minutes.map((minute) => [minute.at / 1_000, minute]));
  const series = origins.map(({ name, sessions }) => {
    let last = null;
    const values = times.map((time) => {
      last = known.get(time)?.origins[name]?.sessions ?? last;
      return last;
    });
    return { name, values: [...values, sessions] };
  });
  return fewest(series).map((one, index) => ({ ...one, color: token(`--line-${index + 1}`) }));
}

/** No more lines than colors: those that are highest now, and the mean of the others, whose sum would dwarf them. */
function fewest(series) {
  if (series.length <= LINES) return series;
  const ranked = series.toSorted((left, right) => right.values.at(-1) - left.values.at(-1));
  const shown = new Set(ranked.slice(0, LINES - 1));
  const others = series.filter((one) => !shown.has(one));
  const values = others[0].values.map((_, at) => {
    const counted = others.map((one) => one.values[at]).filter((value) => value !== null);
    const sum = counted.reduce((total, value) => total + value, 0);
    return counted.length === 0 ? null : Math.round((10 * sum) / counted.length) / 10;
  });
  return [
    ...series.filter((one) => shown.has(one)),
    { name: `${others.length} others, average`, values },
  ];
}

/** Requests are 0 without traffic. */
function outcomeSeries({ minutes }, times) {
  const known = new Map(minutes.map((minute) => [minute.at / 1_000, minute]));
  return OUTCOMES.map((name) => {
    const values = times.map((time) => known.get(time)?.outcomes[name] ?? 0);
    // Once more, so that the last minute has a width.
    return { name, values: [...values, values.at(-1)], color: token(`--outcome-${name}`) };
  }).filter(({ values }, index) => index === 0 || values.some((value) => value > 0));
}

/** What stands on top of each other: the tallest is drawn first, the lowest last. */
function stacked(series) {
  const sums = series[0]?.values.map(() => 0) ?? [];
  const piles = series.map((one) => ({
    ...one,
    values: one.values.map((value, at) => (sums[at] += value)),
  }));
  return piles.toReversed();
}

const charts = new Map();

function draw(figure, times, series, isStacked) {
  const plot = figure.querySelector(".plot");
  const drawn = isStacked ? stacked(series) : series;
  const end = times.at(-1) + MINUTE_MS / 1_000;
  const data = [[...times, end], ...drawn.map(({ values }) => values)];
  const names = [...drawn.map(({ name, color }) => `${name} ${color}`), token("--quiet")].join();
  const known = charts.get(figure);
  if (known?.names === names) {
    known.chart.setData(data);
  } else {
    known?.chart.destroy();
    charts.set(figure, { names, chart: newChart(figure, plot, drawn, data, isStacked) });
  }
  const chart = charts.get(figure);
  chart.series = series;
  legend(figure, series, times.length);
}

function newChart(figure, plot, drawn, data, isStacked) {
  const quiet = token("--quiet");
  const grid = { stroke: token("--line"), width: 1 };
  const axis = { stroke: quiet, grid, ticks: { show: false }, font: "12px system-ui, sans-serif" };
  return new uPlot(
    {
      width: plot.clientWidth,
      height: HEIGHT,
      legend: { show: false },
      cursor: { y: false, drag: { setScale: false }, points: { show: !isStacked } },
      scales: { y: { range: (_, low, high) => [0, Math.max(4, high * 1.1)] } },
      axes: [
        { ...axis, size: 28, space: 60, values: (_, ticks) => ticks.map(clock) },
        {
          ...axis,
          size: 44,
          space: 34,
          incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 1e6, 1e7],
          values: (_, ticks) => ticks.map((tick) => numbers.format(tick)),
        },
      ],
      series: [
        {},
        ...drawn.map(({ name, color }) => ({
          label: name,
          stroke: color,
          width: isStacked ? 0 : 1.75,
          points: { show: false },
          ...(isStacked ? { fill: color, paths: uPlot.paths.stepped({ align: 1 }) } : {}),
        })),
      ],
      hooks: {
        setCursor: [
          ({ cursor }) => {
            const { series } = charts.get(figure) ?? {};
            if (series !== undefined) legend(figure, series, cursor.idx ?? data[0].length - 1);
          },
        ],
      },
    },
    data,
    plot,
  );
}

/** @param {number} seconds */
function clock(seconds) {
  // UTC, as the events.
  return new Date(seconds * 1_000).toISOString().slice(11, 16);
}

/** The values at one minute: what a pointer reads from the chart, and everybody else from here. */
function legend(figure, series, at) {
  const list = figure.querySelector(".legend");
  const items = series.map(({ name, values, color }) => {
    const item = document.createElement("li");
    const swatch = document.createElement("i");
    swatch.style.background = color;
    const value = values[at];
    item.append(swatch, name, " ", strong(value === null ? "–" : numbers.format(value ?? 0)));
    return item;
  });
  list.replaceChildren(...items);
}

function strong(text) {
  const element = document.createElement("strong");
  element.textContent = text;
  return element;
}

async function refresh() {
  if (document.hidden) return;
  try {
    const answer = await fetch(box.dataset.history);
    if (!answer.ok) return;
    const { now, pools } = await answer.json();
    const times = minutesUpTo(now);
    for (const pool of pools) {
      for (const figure of box.querySelectorAll("figure")) {
        if (figure.dataset.pool !== pool.pool) continue;
        const isStacked = figure.dataset.chart === "outcomes";
        const series = isStacked ? outcomeSeries(pool, times) : sessionSeries(pool, times);
        draw(figure, times, series, isStacked);
      }
    }
  } catch {
    // The page says so already; the next try is under way.
  }
}

new ResizeObserver(() => {
  for (const [figure, { chart }] of charts) {
    const width = figure.querySelector(".plot").clientWidth;
    if (width > 0 && width !== chart.width) chart.setSize({ width, height: HEIGHT });
  }
}).observe(box);

void refresh();
setInterval(refresh, REFRESH_MS);
document.addEventListener("visibilitychange", refresh);
document.body.addEventListener("limpet:done", refresh);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", refresh);
