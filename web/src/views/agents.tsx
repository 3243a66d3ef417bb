// Agents, worst first: facets by state, a filter of words, and beside it the one that is opened.

import { useMemo } from "preact/hooks";

import { all } from "../api/client";
import type { AgentRow } from "../api/models";
import { Export } from "../parts/export";
import { Empty, Failed, Waiting } from "../parts/notices";
import { Head } from "../parts/panel";
import { Query } from "../parts/query";
import { AgentMark, AgentStateWord, WORST_FIRST } from "../parts/state";
import { Table, type Column } from "../parts/table";
import { age, brief, count, moment } from "../pure/format";
import { chosen, filter, toggled, type Fields } from "../pure/filter";
import { sortOf, sortText } from "../pure/order";
import { to } from "../pure/route";
import { useNow } from "../state/clock";
import { useKeys } from "../state/keys";
import { useValue } from "../state/observable";
import { overview } from "../state/overview";
import { useResource } from "../state/resource";
import { change, go, route } from "../state/route";
import { Expiry } from "../parts/expiry";
import { AgentPanel } from "./agent";

export const PACE = 1000; // milliseconds between two readings of a whole table
const HINT = "state:gone, method:x509pop, selector:zone, version:0.1, expires<1h, seen>1m, or any text";

export function AgentsView() {
  const { query } = useValue(route);
  const now = useNow();
  const { data, error } = useResource<AgentRow[]>("/api/agents", (signal) => all("/api/agents", signal), PACE);
  const rows = data ?? [];
  const asked = queryOf(query);
  const { fits, wrong } = useMemo(() => filter(asked, fieldsAt(Math.floor(now)), told), [asked, Math.floor(now)]);
  const shown = useMemo(() => rows.filter(fits), [rows, fits]);
  const columns = useMemo(() => columnsAt(Math.floor(now)), [Math.floor(now)]);
  const opened = rows.find((one) => one.id === query["row"]);
  const open = (row: AgentRow) => change({ row: row.id }, true);
  useKeys([{ keys: "Esc", does: "close", run: () => change({ row: "" }, true) }]);

  if (error) return <Placed>{<Failed what="Agents not shown" error={error} />}</Placed>;
  if (!data) return <Placed>{<Waiting what="agents" />}</Placed>;
  return (
    <section class="view">
      <Head title="Agents" sub={<Summary rows={rows} />}>
        <Export name="agents" rows={shown} columns={columns} />
      </Head>
      <Facets rows={rows} shown={shown.length} query={asked} />
      <Query query={asked} hint={HINT} wrong={wrong} onChange={(q) => change({ q, state: "" })} />
      <div class={opened ? "beside open" : "beside"}>
        <div class="panel table-panel">
          <Table
            label="Agents"
            rows={shown}
            columns={columns}
            keyOf={(row) => row.id}
            sort={sortOf(query["sort"])}
            onSort={(sort) => change({ sort: sort ? sortText(sort) : "" })}
            onOpen={open}
            onExplain={(row) => go(to("explain", { agent: row.id }))}
            {...(opened ? { opened: opened.id } : {})}
            empty={<Nothing any={rows.length > 0} />}
          />
        </div>
        {opened && <AgentPanel agent={opened} onClose={() => change({ row: "" }, true)} />}
      </div>
    </section>
  );
}

/** `?state=gone` of an attention line is the token `state:gone`. */
function queryOf(query: Readonly<Record<string, string>>): string {
  const [state, typed] = [query["state"] ?? "", query["q"] ?? ""];
  return state && !chosen(typed, "state").length ? `state:${state} ${typed}`.trim() : typed;
}

function Placed({ children }: { children: preact.ComponentChildren }) {
  return (
    <section class="view">
      <Head title="Agents" />
      {children}
    </section>
  );
}

function Summary({ rows }: { rows: readonly AgentRow[] }) {
  const own = useValue(overview)?.own ?? true;
  const holding = rows.filter((one) => one.state === "ready" || one.state === "delivered").length;
  const step = own ? `${count(holding)} in step` : "in step: not available: stock server does not report it";
  return (
    <>
      {count(rows.length)} attested, {step}
    </>
  );
}

function Facets({ rows, shown, query }: { rows: readonly AgentRow[]; shown: number; query: string }) {
  const states = chosen(query, "state");
  const present = WORST_FIRST.filter((state) => states.includes(state) || rows.some((one) => one.state === state));
  return (
    <div class="facets" role="group" aria-label="Filter by state">
      <div class="facet">
        <span class="v">{count(shown)}</span>
        <span class="n">shown of {count(rows.length)}</span>
      </div>
      {present.map((state) => (
        <button
          type="button"
          class="facet"
          aria-pressed={states.includes(state)}
          onClick={() => change({ q: toggled(query, "state", state), state: "" })}
        >
          <span class="v">
            <AgentMark state={state} />
            {count(rows.filter((one) => one.state === state).length)}
          </span>
          <span class="n">{state}</span>
        </button>
      ))}
    </div>
  );
}

function Nothing({ any }: { any: boolean }) {
  if (any) {
    return (
      <p class="notice f2">
        No agent fits this filter.
        <button type="button" class="link" onClick={() => change({ q: "", state: "" })}>
          clear
        </button>
      </p>
    );
  }
  return (
    <Empty title="No agent has attested yet" command="finial token generate">
      Agents stand here once they have proved their node, as with a join token.
    </Empty>
  );
}

function told(row: AgentRow): readonly string[] {
  return [row.id, row.method, row.version, row.state, row.why, ...row.selectors];
}

function fieldsAt(now: number): Fields<AgentRow> {
  return {
    state: { kind: "word", of: (row) => [row.state] },
    method: { kind: "word", of: (row) => [row.method] },
    selector: { kind: "text", of: (row) => row.selectors },
    version: { kind: "text", of: (row) => [row.version] },
    id: { kind: "text", of: (row) => [row.id] },
    expires: { kind: "span", of: (row) => (row.expires_at === null ? null : row.expires_at - now) },
    seen: { kind: "span", of: (row) => (row.last_seen === null ? null : now - row.last_seen) },
  };
}

function columnsAt(now: number): readonly Column<AgentRow>[] {
  return [
    {
      id: "state",
      title: "State",
      width: "104px",
      narrow: true,
      value: (row) => row.state,
      cell: (row) => <AgentStateWord state={row.state} />,
    },
    {
      id: "agent",
      title: "Agent",
      narrow: true,
      value: (row) => row.id,
      cell: (row) => (
        <a class="m cut" href={to("agents", { row: row.id })} title={row.id}>
          {row.name}
        </a>
      ),
    },
    { id: "why", title: "Why", width: "30%", value: (row) => row.why, cell: (row) => <span class="f2">{row.why}</span> },
    { id: "method", title: "Attested by", width: "110px", value: (row) => row.method },
    { id: "watches", title: "Streams", width: "76px", right: true, value: (row) => row.watches },
    {
      id: "expires",
      title: "SVID expires",
      width: "150px",
      narrow: true,
      value: (row) => row.expires_at,
      cell: (row) => <Expiry at={row.expires_at} now={now} />,
    },
    { id: "version", title: "Version", width: "100px", value: (row) => row.version },
    {
      id: "seen",
      title: "Heard",
      width: "90px",
      right: true,
      value: (row) => row.last_seen,
      cell: (row) =>
        row.last_seen === null ? (
          <span class="f3">not told</span>
        ) : (
          <span class="f2" title={`${moment(row.last_seen)}, ${age(row.last_seen, now)}`}>
            {brief(now - row.last_seen)}
          </span>
        ),
    },
  ];
}
