// One identity: its entry, the agents that may hold it, what stands below it, and its changes of late.

import { get, Refusal } from "../api/client";
import type { AgentRow, IdentityPage, IdentityRow } from "../api/models";
import { CopyButton } from "../parts/controls";
import { Expiry } from "../parts/expiry";
import { Icon } from "../parts/icons";
import { Failed, Waiting } from "../parts/notices";
import { Panel } from "../parts/panel";
import { AgentStateWord, Pill } from "../parts/state";
import { age, count, lastOf, moment, pathOf, plural, span } from "../pure/format";
import { pageOf, to } from "../pure/route";
import { useNow } from "../state/clock";
import { useKeys } from "../state/keys";
import { useValue } from "../state/observable";
import { overview } from "../state/overview";
import { useResource } from "../state/resource";
import { change, go, route } from "../state/route";
import { Changes } from "./changes";
import { flagsOf } from "./identities";

interface Found {
  readonly alike: readonly IdentityRow[]; // entries of this SPIFFE ID
  readonly page: IdentityPage;
}

export function IdentityView() {
  const { path, query } = useValue(route);
  const tail = `/${path.join("/")}`;
  const wanted = query["entry"] ?? "";
  const { data, error } = useResource<Found>(`${tail} ${wanted}`, (signal) => look(tail, wanted, signal), 500);
  return (
    <section class="view">
      <nav class="crumb" aria-label="Path">
        <a href={to("identities")}>Identities</a>
        {path.map((one, index) => (
          <>
            <Icon name="right" size="xs" />
            {index < path.length - 1 ? (
              <a href={to("identities", { q: `id:/${path.slice(0, index + 1).join("/")}/` })}>{one}</a>
            ) : (
              <span class="f2">{one}</span>
            )}
          </>
        ))}
      </nav>
      {error && <Failed what="This identity is not shown" error={error} />}
      {!data && !error && <Waiting what="the entry" />}
      {data && <Shown found={data} />}
    </section>
  );
}

async function look(tail: string, wanted: string, signal: AbortSignal): Promise<Found> {
  const listed = await get<{ rows: IdentityRow[] }>(`/api/entries?most=1000&text=${encodeURIComponent(tail)}`, signal);
  const alike = listed.rows.filter((one) => pathOf(one.spiffe_id) === tail);
  const id = wanted || alike[0]?.entry_id;
  if (!id) throw new Refusal(`there is no entry of "${tail}"`, 404, "it may be gone, or not have arrived yet", "NotFound");
  return { alike, page: await get<IdentityPage>(`/api/entries/${encodeURIComponent(id)}`, signal) };
}

function Shown({ found: { alike, page } }: { found: Found }) {
  const { entry } = page;
  const own = useValue(overview)?.own ?? true;
  const explained = to("explain", { selectors: entry.selectors.join(" "), id: entry.spiffe_id });
  useKeys([
    { keys: "e", does: "explain a process that should have it", run: () => go(explained) },
    { keys: "Esc", does: "back to all identities", run: () => go(to("identities")) },
  ]);
  const ready = page.holders.filter((one) => one.state === "ready" || one.state === "delivered").length;
  const [head, tail] = [entry.spiffe_id.slice(0, -lastOf(entry.spiffe_id).length), lastOf(entry.spiffe_id)];
  return (
    <>
      <div class="ph wrap">
        <h1 class="mono subject">
          <span class="f3">{head}</span>
          {tail}
        </h1>
        <CopyButton text={entry.spiffe_id} what="the SPIFFE ID" />
        {page.holding === 0 ? (
          <Pill tone="warn" mark="warning">
            no agent may hold it
          </Pill>
        ) : (
          <Pill tone={ready < page.holders.length ? "warn" : "ok"} mark={ready < page.holders.length ? "pending" : "ok"}>
            {`${count(ready)} of ${plural(page.holding, "agent")} in step`}
          </Pill>
        )}
        {flagsOf(entry).map((one) => (
          <Pill tone={one === "expired" ? "crit" : "idle"} mark={one === "expired" ? "failing" : "info"}>
            {one}
          </Pill>
        ))}
        <span class="grow" />
        <a class="btn" href={explained}>
          <Icon name="explain" size="s" />
          Explain a process<kbd class="kbd">e</kbd>
        </a>
      </div>
      {alike.length > 1 && <Alike rows={alike} chosen={entry.entry_id} />}
      <EntryPanel entry={entry} />
      <Holders page={page} />
      {page.children.length > 0 && <Children rows={page.children} />}
      <Panel title="History" sub="changes of late that concern it, from the server's change log">
        <Changes rows={page.changes} own={own} about={entry.entry_id} />
      </Panel>
    </>
  );
}

function Alike({ rows, chosen }: { rows: readonly IdentityRow[]; chosen: string }) {
  return (
    <div class="row wrap" role="group" aria-label="Entries of this identity">
      <span class="f2 t12">{count(rows.length)} entries give this identity:</span>
      {rows.map((one) => (
        <button type="button" class="chip ui" aria-pressed={one.entry_id === chosen} onClick={() => change({ entry: one.entry_id }, true)}>
          {one.selectors.join(" ")}
        </button>
      ))}
    </div>
  );
}

function EntryPanel({ entry }: { entry: IdentityRow }) {
  const now = useNow();
  const ttl = (value: number | null) => (value === null ? <span class="f3">the server's default</span> : span(value));
  return (
    <Panel title="Entry" sub={<span class="mono-s">{entry.entry_id}</span>} head={<span class="chip ui">revision {entry.revision}</span>}>
      <div class="panel-b halves">
        <dl class="kv">
          <dt>parent</dt>
          <dd class="mono-s">
            <a class="link break" href={pageOf(entry.parent_id)}>
              {entry.parent_id}
            </a>
          </dd>
          <dt>selectors</dt>
          <dd class="row wrap">
            {entry.selectors.map((one) => (
              <a class="chip" href={to("identities", { q: `selector:${one}` })} title="entries with this selector">
                {one}
              </a>
            ))}
          </dd>
          <dt>DNS names</dt>
          <dd class="mono-s">{entry.dns_names.join(" ") || <span class="f3">none</span>}</dd>
          <dt>federates with</dt>
          <dd>{entry.federates_with.join(" ") || <span class="f3">none</span>}</dd>
        </dl>
        <dl class="kv">
          <dt>X509-SVID TTL</dt>
          <dd>{ttl(entry.x509_svid_ttl)}</dd>
          <dt>JWT-SVID TTL</dt>
          <dd>{ttl(entry.jwt_svid_ttl)}</dd>
          <dt>hint</dt>
          <dd class="mono-s">{entry.hint || <span class="f3">none</span>}</dd>
          <dt>made</dt>
          <dd>{entry.created_at === null ? "not told" : `${age(entry.created_at, now)}, ${moment(entry.created_at)}`}</dd>
          <dt>ends</dt>
          <dd>{entry.expires_at === null ? "never" : `${age(entry.expires_at, now)}, ${moment(entry.expires_at)}`}</dd>
        </dl>
      </div>
    </Panel>
  );
}

function Holders({ page }: { page: IdentityPage }) {
  const now = useNow();
  const more = page.holding - page.holders.length;
  return (
    <Panel title="Held by" sub={`${plural(page.holding, "agent")}${more > 0 ? `, the first ${page.holders.length} shown` : ""}`}>
      {page.holders.length === 0 ? (
        <p class="notice f2">
          No agent has attested as the parent, and none has an alias of it: nobody gets this identity.{" "}
          <a class="link" href={pageOf(page.entry.parent_id)}>
            Look at the parent
          </a>
        </p>
      ) : (
        <div class="scroll-x">
          <table class="tbl holders">
            <caption class="vh">Agents that may hold this identity</caption>
            <thead>
              <tr>
                <th scope="col">Agent</th>
                <th scope="col">State</th>
                <th scope="col">Why</th>
                <th scope="col">Agent's SVID expires</th>
                <th scope="col">Version</th>
              </tr>
            </thead>
            <tbody>
              {page.holders.map((one) => (
                <Holder key={one.id} agent={one} now={now} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}

function Holder({ agent, now }: { agent: AgentRow; now: number }) {
  return (
    <tr>
      <td>
        <a class="m" href={pageOf(agent.id)} title={agent.id}>
          {agent.name}
        </a>
      </td>
      <td>
        <AgentStateWord state={agent.state} />
      </td>
      <td class="f2">{agent.why}</td>
      <td>
        <Expiry at={agent.expires_at} now={now} />
      </td>
      <td class="f2">{agent.version}</td>
    </tr>
  );
}

function Children({ rows }: { rows: readonly IdentityRow[] }) {
  return (
    <Panel title="Below it" sub={plural(rows.length, "entry", "entries")}>
      <ul class="list">
        {rows.map((one) => (
          <li key={one.entry_id}>
            <a class="mono link" href={pageOf(one.spiffe_id, one.entry_id)}>
              {pathOf(one.spiffe_id)}
            </a>
            <span class="f3 mono-s">{one.selectors.join(" ")}</span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
