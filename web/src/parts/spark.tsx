// A line without axes, for the shape of the last hour alone. Gaps stay gaps.

import { runs } from "../pure/runs";

const [WIDTH, HEIGHT] = [100, 28];

export function Spark({ values, tone, label }: { values: readonly (number | null)[]; tone: string; label: string }) {
  const known = values.filter((one) => one !== null);
  if (known.length < 2) return <span class="spark" />;
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const room = high - low || 1;
  const x = (index: number) => (index / (values.length - 1)) * WIDTH;
  const y = (value: number) => (high === low ? HEIGHT / 2 : 2 + (HEIGHT - 2) * (1 - (value - low) / room));
  return (
    <svg class={`spark ${tone}`} viewBox={`0 0 ${WIDTH} 30`} preserveAspectRatio="none" role="img" aria-label={label}>
      {runs(values).map((run) => {
        const line = run.map(({ index, value }, at) => `${at ? "L" : "M"}${x(index).toFixed(1)} ${y(value).toFixed(1)}`).join("");
        const [first, last] = [run[0], run.at(-1)];
        if (!first || !last) return null;
        return (
          <>
            <path class="a" d={`${line}L${x(last.index)} 30L${x(first.index)} 30Z`} />
            <path class="l" d={line} />
          </>
        );
      })}
    </svg>
  );
}
