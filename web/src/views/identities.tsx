// Registration entries: which identity, for which selectors, below which parent.

import { useMemo } from "preact/hooks";

import { all } from "../api/client";
import type { IdentityRow } from "../api/models";
import { Export } from "../parts/export";
import { Empty, Failed, Waiting } from "../parts/notices";
import { Head } from "../parts/panel";
import { Query } from "../parts/query";
import { Table, type Column } from "../parts/table";
import { age, count, moment, pathOf, span } from "../pure/format";
import { chosen, filter, toggled, type Fields } from "../pure/filter";
import { sortOf, sortText } from "../pure/order";
import { pageOf, to } from "../pure/route";
import { useNow } from "../state/clock";
import { useValue } from "../state/observable";
import { useResource } from "../state/resource";
import { change, go, route } from "../state/route";

const PACE = 2000; // milliseconds between two readings of the whole table
const HINT = "selector:unix:uid, parent:zone-b, flag:admin, hint:db, dns:web, ttl<1h, or any text";

export function IdentitiesView() {
  const { query } = useValue(route);
  const { data, error } = useResource<IdentityRow[]>("/api/entries", (signal) => all("/api/entries", signal), PACE);
  const rows = data ?? [];
  const asked = query["q"] ?? "";
  const { fits, wrong } = useMemo(() => filter(asked, FIELDS, told), [asked]);
  const shown = useMemo(() => rows.filter(fits), [rows, fits]);
  return (
    <section class="view">
      <Head title="Identities" sub={data && `${count(rows.length)} entries`}>
        <Export name="entries" rows={shown} columns={COLUMNS} />
      </Head>
      {error && <Failed what="Entries not shown" error={error} />}
      {!data && !error && <Waiting what="entries" />}
      {data && (
        <>
          <Facets rows={rows} shown={shown.length} query={asked} />
          <Query query={asked} hint={HINT} wrong={wrong} onChange={(q) => change({ q })} />
          <div class="panel table-panel">
            <Table
              label="Identities"
              rows={shown}
              columns={COLUMNS}
              keyOf={(row) => row.entry_id}
              sort={sortOf(query["sort"])}
              onSort={(sort) => change({ sort: sort ? sortText(sort) : "" })}
              onOpen={(row) => go(pageOf(row.spiffe_id, row.entry_id))}
              onExplain={(row) => go(to("explain", { selectors: row.selectors.join(" "), id: row.spiffe_id }))}
              empty={<Nothing any={rows.length > 0} />}
            />
          </div>
        </>
      )}
    </section>
  );
}

export function flagsOf(row: IdentityRow): string[] {
  const flags: readonly (readonly [boolean, string])[] = [
    [row.expired, "expired"],
    [row.admin, "admin"],
    [row.downstream, "downstream"],
    [row.store_svid, "stored"],
    [row.node_alias, "alias"],
  ];
  return flags.filter(([set]) => set).map(([, word]) => word);
}

function Facets({ rows, shown, query }: { rows: readonly IdentityRow[]; shown: number; query: string }) {
  const flags = chosen(query, "flag");
  const counts = new Map<string, number>();
  for (const row of rows) for (const flag of flagsOf(row)) counts.set(flag, (counts.get(flag) ?? 0) + 1);
  return (
    <div class="facets" role="group" aria-label="Filter by flag">
      <div class="facet">
        <span class="v">{count(shown)}</span>
        <span class="n">shown of {count(rows.length)}</span>
      </div>
      {[...counts].map(([flag, times]) => (
        <button
          type="button"
          class="facet"
          aria-pressed={flags.includes(flag)}
          onClick={() => change({ q: toggled(query, "flag", flag) })}
        >
          <span class="v">{count(times)}</span>
          <span class="n">{flag}</span>
        </button>
      ))}
    </div>
  );
}

function Nothing({ any }: { any: boolean }) {
  if (any) {
    return (
      <p class="notice f2">
        No entry fits this filter.
        <button type="button" class="link" onClick={() => change({ q: "" })}>
          clear
        </button>
      </p>
    );
  }
  return (
    <Empty title="No entry yet" command="finial entry create -parentID … -spiffeID … -selector unix:uid:1000">
      An entry gives an identity to each process that has its selectors, on the agents below its parent.
    </Empty>
  );
}

function told(row: IdentityRow): readonly string[] {
  return [row.spiffe_id, row.parent_id, row.entry_id, row.hint, ...row.selectors, ...row.dns_names];
}

const FIELDS: Fields<IdentityRow> = {
  id: { kind: "text", of: (row) => [row.spiffe_id] },
  parent: { kind: "text", of: (row) => [row.parent_id] },
  selector: { kind: "text", of: (row) => row.selectors },
  hint: { kind: "text", of: (row) => [row.hint] },
  dns: { kind: "text", of: (row) => row.dns_names },
  flag: { kind: "word", of: flagsOf },
  ttl: { kind: "span", of: (row) => row.x509_svid_ttl },
};

const COLUMNS: readonly Column<IdentityRow>[] = [
  {
    id: "spiffe_id",
    title: "SPIFFE ID",
    width: "30%",
    narrow: true,
    value: (row) => row.spiffe_id,
    cell: (row) => (
      <a class="mono" href={pageOf(row.spiffe_id, row.entry_id)} title={row.spiffe_id}>
        {pathOf(row.spiffe_id)}
      </a>
    ),
  },
  {
    id: "selectors",
    title: "Selectors",
    narrow: true,
    value: (row) => row.selectors.join(" "),
    cell: (row) => (
      <span title={row.selectors.join(" ")}>
        {row.selectors.map((one) => (
          <span class="chip in-row">{one}</span>
        ))}
      </span>
    ),
  },
  {
    id: "parent",
    title: "Parent",
    width: "20%",
    value: (row) => row.parent_id,
    cell: (row) => (
      <a class="mono f2" href={pageOf(row.parent_id)} title={row.parent_id}>
        {pathOf(row.parent_id)}
      </a>
    ),
  },
  { id: "flags", title: "Flags", width: "90px", value: (row) => flagsOf(row).join(" ") },
  {
    id: "ttl",
    title: "X509-SVID TTL",
    width: "100px",
    right: true,
    value: (row) => row.x509_svid_ttl,
    cell: (row) => (row.x509_svid_ttl === null ? <span class="f3">default</span> : span(row.x509_svid_ttl)),
  },
  {
    id: "created",
    title: "Created",
    width: "100px",
    right: true,
    value: (row) => row.created_at,
    cell: (row) => <When at={row.created_at} />,
  },
];

function When({ at }: { at: number | null }) {
  const now = useNow();
  if (at === null) return <span class="f3">not told</span>;
  return (
    <span class="f2" title={moment(at)}>
      {age(at, now)}
    </span>
  );
}

