// What signs, what will, what still vouches: this server's authorities in time, the bundle, and who has it in force.

import { get } from "../api/client";
import type { Authorities, Slot, Vouching } from "../api/models";
import { Choices } from "../parts/controls";
import { Mark, type MarkName } from "../parts/icons";
import { Empty, Failed, Waiting } from "../parts/notices";
import { Head, Panel } from "../parts/panel";
import { AgentMark, WORST_FIRST } from "../parts/state";
import { age, clock, count, middle, moment, plural, span } from "../pure/format";
import { layout, type Bar } from "../pure/timeline";
import { to } from "../pure/route";
import { useNow } from "../state/clock";
import { useValue } from "../state/observable";
import { useResource } from "../state/resource";
import { go, route } from "../state/route";

type Kind = "x509" | "jwt";
const TITLES: Readonly<Record<Kind, string>> = { x509: "X.509", jwt: "JWT" };
const SLOTS: Readonly<Record<Slot["slot"], readonly [MarkName, string]>> = {
  active: ["ok", "ok"],
  prepared: ["pending", "info"],
  old: ["none", "idle"],
};

export function AuthoritiesView() {
  const kind: Kind = useValue(route).path[0] === "jwt" ? "jwt" : "x509";
  const { data, error } = useResource<Authorities>("/api/authorities", (signal) => get("/api/authorities", signal));
  return (
    <section class="view">
      <Head title="Authorities" sub={data && <Sentence slots={data[kind]} title={TITLES[kind]} />}>
        <Choices
          label="Kind"
          value={kind}
          choices={[
            { value: "x509", title: "X.509" },
            { value: "jwt", title: "JWT" },
          ]}
          onChoose={(value) => go(to("authorities", {}, [value]))}
        />
      </Head>
      {error && <Failed what="Authorities not shown" error={error} />}
      {!data && !error && <Waiting what="authorities" />}
      {data && (
        <>
          <Timeline all={data} kind={kind} />
          <div class="pair">
            <BundlePanel all={data} kind={kind} />
            <div class="col">
              <Adoption states={data.adoption} />
              <Federated all={data} />
            </div>
          </div>
        </>
      )}
    </section>
  );
}

function Sentence({ slots, title }: { slots: readonly Slot[]; title: string }) {
  const prepared = slots.find((one) => one.slot === "prepared");
  const active = slots.find((one) => one.slot === "active");
  if (!active) return <>This server has no {title} authority that signs.</>;
  return (
    <>
      {middle(active.id, 9)} signs; {prepared ? `${middle(prepared.id, 9)} is prepared to follow.` : "the next one is not prepared yet."}
    </>
  );
}

function Timeline({ all, kind }: { all: Authorities; kind: Kind }) {
  const now = useNow();
  const { bars, from, until } = layout(all[kind], all.bundle.filter((one) => one.kind === kind), now);
  const active = all[kind].find((one) => one.slot === "active");
  const at = (time: number) => `${((time - from) / (until - from)) * 100}%`;
  return (
    <Panel title={`${TITLES[kind]} authorities in time`} sub="this server's own solid, others of the bundle outlined">
      <div class="panel-b timeline">
        <div class="runway">
          <div class="over">Runway</div>
          <p class="big">{active ? span(Math.max(0, Math.round(active.expires_at - now))) : <span class="na">none signs</span>}</p>
          {active && <p class="t12 f2">until {middle(active.id, 9)} ends</p>}
        </div>
        <ul class="lanes">
          {bars.map((bar) => (
            <li key={bar.id}>
              <span class={`lane-bar ${bar.looks}`} style={{ left: at(bar.from), width: `calc(${at(bar.until)} - ${at(bar.from)})` }}>
                <span class="lane-text">{words(bar)}</span>
              </span>
            </li>
          ))}
          <li class="now" style={{ left: at(now) }}>
            <span>now {clock(now).slice(0, 5)}</span>
          </li>
        </ul>
      </div>
    </Panel>
  );
}

function words(bar: Bar): string {
  return `${middle(bar.id, 9)}, ${bar.word}, ends ${moment(bar.until).slice(0, 16)}`;
}

function BundlePanel({ all, kind }: { all: Authorities; kind: Kind }) {
  const now = useNow();
  const rows = all.bundle.filter((one) => one.kind === kind);
  const slot = (id: string) => all[kind].find((one) => one.id === id)?.slot;
  return (
    <Panel title="In the bundle" sub={`sequence ${count(all.sequence_number)}, refreshed ${all.refresh_hint ? `every ${span(all.refresh_hint)}` : "by the server's default"}`}>
      <div class="scroll-x">
        <table class="tbl">
          <caption class="vh">{TITLES[kind]} authorities of the trust bundle</caption>
          <thead>
            <tr>
              <th scope="col">{TITLES[kind]}</th>
              <th scope="col">State</th>
              <th scope="col" class="r">
                Begins
              </th>
              <th scope="col" class="r">
                Ends
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map((one) => (
              <tr key={one.id}>
                <td class="mono" title={one.id}>
                  {middle(one.id, 21)}
                </td>
                <td>
                  <Standing one={one} slot={slot(one.id)} />
                </td>
                <td class="r f2" title={one.begins_at ? moment(one.begins_at) : ""}>
                  {one.begins_at === null ? "not told" : age(one.begins_at, now)}
                </td>
                <td class="r f2" title={one.expires_at ? moment(one.expires_at) : ""}>
                  {one.expires_at === null ? "never" : age(one.expires_at, now)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}

function Standing({ one, slot }: { one: Vouching; slot: Slot["slot"] | undefined }) {
  if (one.tainted) {
    return (
      <span class="st">
        <Mark name="failing" tone="crit" />
        tainted
      </span>
    );
  }
  const [mark, tone] = slot ? SLOTS[slot] : (["none", "idle"] as const);
  return (
    <span class="st">
      <Mark name={mark} tone={tone} />
      {slot ?? (one.own ? "of this server" : "of another server, or before")}
    </span>
  );
}

function Adoption({ states }: { states: Readonly<Record<string, number>> }) {
  const all = Object.values(states).reduce((sum, one) => sum + one, 0);
  return (
    <Panel title="Adoption" sub="agents that say the newest bundle is in force">
      <div class="panel-b">
        {all === 0 ? (
          <p class="f2">No agent has attested yet.</p>
        ) : (
          <ul class="list">
            {WORST_FIRST.filter((state) => states[state]).map((state) => (
              <li key={state}>
                <a class="st grow" href={to("agents", { q: `state:${state}` })}>
                  <AgentMark state={state} />
                  {state}
                </a>
                <span>{`${count(states[state] ?? 0)} of ${plural(all, "agent")}`}</span>
              </li>
            ))}
          </ul>
        )}
      </div>
    </Panel>
  );
}

function Federated({ all }: { all: Authorities }) {
  return (
    <Panel title="Federated" sub="bundles of other trust domains">
      <div class="panel-b">
        {all.federated.length === 0 ? (
          <Empty title="No other trust domain yet" command="finial bundle set -id spiffe://…">
            Their roots stand here once they are set, or fetched by a federation relationship.
          </Empty>
        ) : (
          <ul class="list">
            {all.federated.map((one) => (
              <li key={one.trust_domain}>
                <span class="mono grow">{one.trust_domain}</span>
                <span class="f2">
                  {plural(one.x509, "X.509 root")}, {plural(one.jwt, "JWT key")}, sequence {count(one.sequence_number)}
                </span>
              </li>
            ))}
          </ul>
        )}
      </div>
    </Panel>
  );
}
