// Figures over time, up to a day, from the moment on when the console began to look.

import { Figure } from "../parts/figure";
import { Head } from "../parts/panel";
import { TrendChart } from "../parts/trend";
import { useValue } from "../state/observable";
import { overview } from "../state/overview";

export function MetricsView() {
  const card = useValue(overview)?.cards.find((one) => one.id === "metrics");
  return (
    <section class="view">
      <Head title="SPIRE Metrics" sub={card && <Figure of={card.figure} />} />
      <div class="tiles">
        <TrendChart name="server.calls" title="Calls of servers" unit="calls/s" />
        <TrendChart name="agent.calls" title="Calls of agents" unit="calls/s" />
        <TrendChart name="agents.in_step" title="Agents in step" unit="agents" />
        <TrendChart name="entries" title="Entries" unit="entries" />
      </div>
    </section>
  );
}
