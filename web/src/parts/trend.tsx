// One figure over the range that was chosen, as the console kept it.

import { useMemo } from "preact/hooks";

import { get } from "../api/client";
import type { Trend } from "../api/models";
import { count } from "../pure/format";
import { rangeOf } from "../shell/topbar";
import { useValue } from "../state/observable";
import { useResource } from "../state/resource";
import { route } from "../state/route";
import { Chart, type Series } from "./chart";
import { Panel } from "./panel";

const PACE = 5000; // milliseconds: a point is made every few seconds

export function TrendChart({ name, title, unit }: { name: string; title: string; unit: string }) {
  const range = rangeOf(useValue(route).query);
  const path = `/api/trends/${name}?seconds=${range}`;
  const { data, error } = useResource<Trend>(path, (signal) => get(path, signal), PACE);
  const [at, series] = useMemo(() => {
    const points = data?.points ?? [];
    const one: Series = { title, values: points.map(({ value }) => value), colour: 1, area: true };
    return [points.map((point) => point.at), [one]] as const;
  }, [data, title]);
  const until = Date.now() / 1000;
  const measured = at.length > 0 && series[0]?.values.some((one) => one !== null);
  return (
    <Panel title={title} sub={unit}>
      <div class="panel-b">
        {measured ? (
          <Chart label={`${title}, ${unit}`} at={at} series={series} told={count} range={[until - range, until]} height={150} />
        ) : (
          <p class="na">not available: {error && error.status !== 404 ? error.message : data || error ? "not measured yet" : "asked for"}</p>
        )}
      </div>
    </Panel>
  );
}
