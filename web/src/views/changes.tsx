// Changes, newest first: what, by whom, and how many of those whom it concerns have said that they hold it.

import type { ChangeRow } from "../api/models";
import { Mark } from "../parts/icons";
import { age, count, lastOf, moment, pathOf, position, span } from "../pure/format";
import { pageOf, to } from "../pure/route";
import { useNow } from "../state/clock";

/** `about`: the key of what is told first of each change. */
export function Changes({ rows, own, about = "" }: { rows: readonly ChangeRow[]; own: boolean; about?: string }) {
  const now = useNow();
  if (!own) return <p class="notice na">not available: stock server does not report it</p>;
  if (!rows.length) return <p class="notice f2">No change since the server started to tell.</p>;
  return (
    <div class="scroll-x">
      <table class="tbl changes">
        <caption class="vh">Recent changes</caption>
        <thead>
          <tr>
            <th scope="col" class="c-position">
              Position
            </th>
            <th scope="col" class="c-when">
              When
            </th>
            <th scope="col">Change</th>
            <th scope="col" class="c-by">
              By
            </th>
            <th scope="col" class="c-ready">
              Ready
            </th>
            <th scope="col" class="r c-lag">
              Last in
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.position}>
              <td class="mono" title={row.position}>
                {position(row.position)}
              </td>
              <td class="f2" title={moment(row.at)}>
                {age(row.at, now)}
              </td>
              <td>
                <What row={row} about={about} />
              </td>
              <td class="f2" title={row.methods.join(", ")}>
                {row.by.map(lastOf).join(", ") || <span class="f3">not told</span>}
              </td>
              <td>
                <Ready row={row} />
              </td>
              <td class="r">{row.last === null ? <span class="f3">none</span> : span(row.last)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function What({ row, about }: { row: ChangeRow; about: string }) {
  const first = row.things.find((one) => one.key === about) ?? row.things[0];
  if (!first) return <span class="f2">{row.methods.map(lastOf).join(", ") || "nothing that agents hold"}</span>;
  const more = row.things.length - 1 + row.more;
  const href = hrefOf(first);
  const name = first.name.startsWith("spiffe://") ? pathOf(first.name) : first.name;
  return (
    <>
      <span class="f2">{first.kind} </span>
      {href ? (
        <a href={href} title={first.name}>
          {name}
        </a>
      ) : (
        <span title={first.name}>{name}</span>
      )}
      {more > 0 && <span class="f3"> and {count(more)} more</span>}
    </>
  );
}

function hrefOf(thing: ChangeRow["things"][number]): string {
  if (thing.kind === "bundle") return to("authorities");
  if (!thing.name.startsWith("spiffe://")) return "";
  return thing.kind === "entry" ? pageOf(thing.name, thing.key) : pageOf(thing.name);
}

export function Ready({ row }: { row: ChangeRow }) {
  if (row.concerned === 0) return <span class="f3">concerns no agent</span>;
  const all = row.arrived >= row.concerned;
  return (
    <span class="row" title={row.waiting.length ? `waits for ${row.waiting.map(lastOf).join(", ")}` : ""}>
      <Mark name={all ? "ok" : "pending"} tone={all ? "ok" : "warn"} />
      <span class="bar grow">
        <b class={all ? "ok" : "warn"} style={{ width: `${(row.arrived / row.concerned) * 100}%` }} />
      </span>
      <span class="f2">
        {count(row.arrived)} of {count(row.concerned)}
      </span>
    </span>
  );
}
