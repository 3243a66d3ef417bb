// Lines over time: uPlot with one axis of values, its text for who cannot see it, and the same as a table.

import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

import { clock, moment } from "../pure/format";
import { shownTheme, theme } from "../state/preferences";
import { useValue } from "../state/observable";

export interface Series {
  readonly title: string;
  readonly values: readonly (number | null)[];
  readonly colour: 1 | 2 | 3 | 4 | 5; // of the palette
  readonly dashed?: boolean;
  readonly area?: boolean;
}

interface Props {
  readonly label: string;
  readonly at: readonly number[]; // Unix seconds, rising
  readonly series: readonly Series[];
  readonly told: (value: number) => string;
  readonly objective?: { readonly value: number; readonly title: string };
  readonly range?: readonly [number, number];
  readonly height?: number;
}

export function Chart(props: Props) {
  const [asTable, setTable] = useState(false);
  return (
    <div class="chart">
      {asTable ? <ChartTable {...props} /> : <Drawn {...props} />}
      <button type="button" class="btn ghost small" aria-pressed={asTable} onClick={() => setTable(!asTable)}>
        {asTable ? "Show as chart" : "Show as table"}
      </button>
    </div>
  );
}

export function ChartKey({ series }: { series: readonly Series[] }) {
  return (
    <>
      {series.map(({ title, colour, dashed }) => (
        <span class="key">
          <svg aria-hidden="true">
            <path d="M0 4h16" stroke={`var(--c-${colour})`} stroke-width="2" {...(dashed ? { "stroke-dasharray": "5 2" } : {})} />
          </svg>
          {title}
        </span>
      ))}
    </>
  );
}

function Drawn(props: Props) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const [told, tell] = useState("");
  const shade = shownTheme(useValue(theme));
  const latest = useRef(props);
  latest.current = props;
  const shape = props.series.map((one) => one.title).join("|");

  useEffect(() => {
    const place = box.current;
    if (!place) return;
    const size = () => ({ width: Math.max(120, place.clientWidth), height: latest.current.height ?? 110 });
    const made = new uPlot({ ...options(latest), ...size() }, dataOf(latest.current), place);
    plot.current = made;
    const follow = new ResizeObserver(() => made.setSize(size()));
    follow.observe(place);
    return () => {
      follow.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [shape, shade]);

  useEffect(() => {
    plot.current?.setData(dataOf(props));
  }, [props.at, props.series]);

  const move = (event: KeyboardEvent) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const made = plot.current;
    if (!by || !made || !props.at.length) return;
    event.preventDefault();
    event.stopPropagation();
    const index = Math.min(Math.max((made.cursor.idx ?? props.at.length) + by, 0), props.at.length - 1);
    made.setCursor({ left: made.valToPos(props.at[index] ?? 0, "x"), top: made.bbox.height / devicePixelRatio / 2 });
    tell(line(props, index));
  };
  return (
    <>
      <div ref={box} class="plot" tabIndex={0} role="img" aria-label={`${props.label}. ${summary(props)}`} onKeyDown={move} />
      <p class="vh" aria-live="polite">
        {told}
      </p>
    </>
  );
}

function ChartTable({ at, series, told, label }: Props) {
  return (
    <div class="scroll-y">
      <table class="tbl">
        <caption class="vh">{label}</caption>
        <thead>
          <tr>
            <th>Time</th>
            {series.map((one) => (
              <th class="r">{one.title}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {at.toReversed().map((time, back) => (
            <tr>
              <td>{moment(time)}</td>
              {series.map(({ values }) => {
                const value = values[at.length - 1 - back];
                return <td class="r">{value == null ? "none" : told(value)}</td>;
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function summary({ at, series, told, objective }: Props): string {
  if (!at.length) return "Nothing measured in this range.";
  const parts = series.map(({ title, values }) => {
    const known = values.filter((one) => one !== null);
    if (!known.length) return `${title}: nothing measured`;
    return `${title}: last ${told(known.at(-1) ?? 0)}, most ${told(Math.max(...known))}`;
  });
  return [...parts, ...(objective ? [objective.title] : [])].join("; ") + ".";
}

function line({ at, series, told }: Props, index: number): string {
  const values = series.map(({ title, values }) => {
    const value = values[index];
    return `${title} ${value == null ? "none" : told(value)}`;
  });
  return `${clock(at[index] ?? 0)}: ${values.join(", ")}`;
}

function dataOf({ at, series }: Props): uPlot.AlignedData {
  return [[...at], ...series.map((one) => [...one.values])];
}

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function options(latest: { readonly current: Props }): Omit<uPlot.Options, "width" | "height"> {
  const { series, told } = latest.current;
  const axis = { stroke: colour("--axis"), font: "11px sans-serif", ticks: { show: false } };
  const range = (low: number, high: number): [number, number] => {
    const [from, to] = latest.current.range ?? [low, high];
    return [from, to === from ? to + 1 : to];
  };
  return {
    padding: [8, 8, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { size: 6 } },
    scales: {
      x: { time: true, range: (_, low, high) => range(low, high) },
      y: { range: (_, __, high) => [0, Math.max(high || 0, (latest.current.objective?.value ?? 0) * 1.2) * 1.05 || 1] },
    },
    tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "UTC"),
    axes: [
      { ...axis, size: 22, grid: { show: false }, values: (_, ticks) => ticks.map((at) => clock(at).slice(0, 5)), space: 70 },
      { ...axis, size: 52, grid: { stroke: colour("--grid"), width: 1 }, values: (_, ticks) => ticks.map(told), space: 34 },
    ],
    series: [
      {},
      ...series.map((one) => ({
        label: one.title,
        stroke: colour(`--c-${one.colour}`),
        width: 1.75,
        spanGaps: false,
        points: { show: latest.current.at.length < 30, size: 4 },
        ...(one.dashed ? { dash: [5, 2] } : {}),
        ...(one.area ? { fill: `${colour(`--c-${one.colour}`)}22` } : {}),
      })),
    ],
    hooks: { draw: [(made) => drawObjective(made, latest.current)] },
  };
}

function drawObjective(made: uPlot, { objective }: Props): void {
  if (!objective) return;
  const { ctx, bbox } = made;
  const y = made.valToPos(objective.value, "y", true);
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = colour("--warn");
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.font = `${11 * devicePixelRatio}px sans-serif`;
  ctx.textAlign = "left";
  ctx.fillText(objective.title, bbox.left + 6 * devicePixelRatio, y + 13 * devicePixelRatio);
  ctx.restore();
}
