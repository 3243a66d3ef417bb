// Is it well, what needs me, has my change arrived: one sentence, cards, attention, lag, and the changes of late.

import { useMemo } from "preact/hooks";

import type { AttentionItem, CardModel, LagModel } from "../api/models";
import { Chart, ChartKey, type Series } from "../parts/chart";
import { CopyButton } from "../parts/controls";
import { Figure } from "../parts/figure";
import { Icon, Mark, type IconName } from "../parts/icons";
import { Waiting } from "../parts/notices";
import { Head, Panel } from "../parts/panel";
import { Spark } from "../parts/spark";
import { StatusMark } from "../parts/state";
import { brief, moment, plural, span } from "../pure/format";
import { format, to, viewOf } from "../pure/route";
import { placeOf } from "../shell/places";
import { useNow } from "../state/clock";
import { useValue } from "../state/observable";
import { overview } from "../state/overview";
import { Changes } from "./changes";

export function OverviewView() {
  const seen = useValue(overview);
  if (!seen) {
    return (
      <section class="view">
        <Head title="Overview" />
        <Waiting what="the state of the trust domain" />
      </section>
    );
  }
  return (
    <section class="view overview">
      <Head title="Overview" sub={seen.sentence}>
        <span class="key hide-n">
          <Mark name="ok" tone="ok" /> healthy
        </span>
        <span class="key hide-n">
          <Mark name="warning" tone="warn" /> warning
        </span>
        <span class="key hide-n">
          <Mark name="failing" tone="crit" /> failing
        </span>
      </Head>
      <div class="cards">
        {seen.cards.map((card) => (
          <Card card={card} />
        ))}
      </div>
      <div class="pair">
        <LagPanel lag={seen.lag} now={seen.at} />
        <Attention items={seen.attention} />
      </div>
      <Panel title="Recent changes" sub="who has proved that they hold it">
        <Changes rows={seen.changes} own={seen.own} />
      </Panel>
    </section>
  );
}

const ICONS: Readonly<Record<string, IconName>> = {
  server: "server",
  database: "database",
  agents: "agent",
  workloads: "workload",
  metrics: "metrics",
};
const TRENDS: Readonly<Record<string, readonly [IconName, string]>> = {
  up: ["rising", "rising against the hour before"],
  down: ["falling", "falling against the hour before"],
  stable: ["flat", "stable against the hour before"],
};
const EDGES: Readonly<Record<string, string>> = { warning: "w", failing: "c" };

function Card({ card }: { card: CardModel }) {
  const inside = (
    <>
      <div class="hd">
        <Icon name={ICONS[card.id] ?? "overview"} size="s" />
        {card.title}
        <span class="st">
          <StatusMark status={card.status} />
          {card.word}
        </span>
      </div>
      <div class="mid">
        <div class="fig">
          <Figure of={card.figure} big />
          <TrendMark trend={card.trend} />
        </div>
        <Spark values={card.spark} tone={{ warning: "warn", failing: "crit" }[card.status as string] ?? ""} label={`${card.title}, last hour`} />
      </div>
      <div class="ft">
        <div>
          <Activity level={card.activity} />
          <span class="v f3">activity</span>
        </div>
        {card.lines.map(({ label, figure }) => (
          <div>
            {label}
            <span class="v">
              <Figure of={figure} />
            </span>
          </div>
        ))}
      </div>
    </>
  );
  const edge = `card ${EDGES[card.status] ?? ""}`;
  if (!placeOf(card.id)) {
    return (
      <article class={edge} aria-label={card.title}>
        {inside}
      </article>
    );
  }
  return (
    <a class={edge} href={to(card.id)}>
      {inside}
    </a>
  );
}

function TrendMark({ trend }: { trend: string }) {
  const [icon, words] = TRENDS[trend] ?? [];
  if (!icon) return null;
  return (
    <span class="tr" role="img" aria-label={words} title={words}>
      <Icon name={icon} size="xs" />
    </span>
  );
}

const LEVELS = ["Default", "Low", "Moderate", "High"];

function Activity({ level }: { level: string }) {
  const about = "the last five minutes against the peak of the day; Default where nothing is known";
  return (
    <span class="act" data-l={LEVELS.indexOf(level)} title={about}>
      <i aria-hidden="true">
        <b />
        <b />
        <b />
      </i>
      {level}
    </span>
  );
}

function Attention({ items }: { items: readonly AttentionItem[] }) {
  const now = useNow();
  return (
    <Panel title="Attention" sub="worst first, each with its next step" class="attention">
      {items.length === 0 ? (
        <p class="notice f2">
          <Mark name="ok" tone="ok" />
          Nothing wants attention.
        </p>
      ) : (
        <ul class="att">
          {items.map((one) => (
            <li key={one.what} class={`is-${one.severity}`}>
              <StatusMark status={one.severity} small={false} />
              <span class="t">{one.what}</span>
              <span class="age" title={one.since ? moment(one.since) : ""}>
                {one.since ? brief(now - one.since) : ""}
              </span>
              <span class="d">{one.why}</span>
              <NextStep item={one} />
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

function NextStep({ item }: { item: AttentionItem }) {
  const target = viewOf(item.view);
  if (!placeOf(target.view) || target.view === "overview") {
    return (
      <span class="go">
        <CopyButton text={item.command} what={`the command: ${item.command}`} />
      </span>
    );
  }
  return (
    <a class="go" href={format(target)} title={item.command}>
      Open
    </a>
  );
}

function LagPanel({ lag, now }: { lag: LagModel; now: number }) {
  const [at, series] = useMemo(() => {
    const times = lag.points.map((one) => one.at);
    const found: Series[] = [
      { title: "half of the agents", values: lag.points.map((one) => one.median), colour: 1 },
      { title: "the last agent", values: lag.points.map((one) => one.last), colour: 2, dashed: true },
    ];
    return [times, found] as const;
  }, [lag]);
  return (
    <Panel title="Propagation lag" sub={`${plural(lag.changes, "change")} of the last hour, commit to agent`} head={<ChartKey series={series} />}>
      <div class="panel-b">
        {lag.kind === "not told" ? (
          <p class="na">not available: stock server does not report it</p>
        ) : lag.changes === 0 ? (
          <p class="f2">No change of the last hour has arrived at an agent. The next one shows here how long it took.</p>
        ) : (
          <>
            <div class="stats" title="rpc: finial.status.v1.Status.WatchChanges">
              <Stat value={lag.median} words="half of all" />
              <Stat value={lag.p99} words="p99" />
              <Stat value={lag.worst} words="worst" />
            </div>
            <Chart
              label="Propagation lag over the last hour"
              at={at}
              series={series}
              told={span}
              range={[now - 3600, now]}
              objective={{ value: lag.objective, title: `objective ${span(lag.objective)}` }}
            />
          </>
        )}
      </div>
    </Panel>
  );
}

function Stat({ value, words }: { value: number | null; words: string }) {
  return (
    <div class="stat">
      <span class="v">{value === null ? <span class="na">not available: not measured yet</span> : span(value)}</span>
      <span class="n">{words}</span>
    </div>
  );
}

