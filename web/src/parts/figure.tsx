// A figure and where it comes from; without a value the reason stands in its place, never a 0 and never a dash.

import type { FigureModel } from "../api/models";
import { brief, count, span } from "../pure/format";
import { sources } from "../state/preferences";
import { useValue } from "../state/observable";

const OLD = 30; // seconds from which a figure tells its age

/** `big`: the unit small beside it, as on a card. */
export function Figure({ of: figure, big = false }: { of: FigureModel; big?: boolean }) {
  const shown = useValue(sources);
  const source = `${figure.source}${figure.age == null ? "" : `, read ${brief(figure.age)} ago`}`;
  if (figure.missing != null || figure.value == null) {
    const reason = `not available: ${figure.missing ?? "not measured yet"}`;
    return (
      <span class="na" title={`${reason} (${figure.source})`}>
        {reason}
        {shown && <Source>{figure.source}</Source>}
      </span>
    );
  }
  const [value, unit] = told(figure.value, figure.unit ?? "");
  return (
    <span title={source}>
      {value}
      {unit && (big ? <small>{unit}</small> : ` ${unit}`)}
      {(figure.age ?? 0) > OLD && <small class="stale">{brief(figure.age ?? 0)} old</small>}
      {shown && <Source>{source}</Source>}
    </span>
  );
}

export function Source({ children }: { children: string }) {
  return <span class="src">{children}</span>;
}

function told(value: string | number, unit: string): [string, string] {
  if (typeof value === "string") return [value, unit];
  return unit === "s" ? [span(value), ""] : [count(value), unit];
}
