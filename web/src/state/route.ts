// The route that is shown, and ways to another.

import { format, parse, type Route } from "../pure/route";
import { observable } from "./observable";

export const route = observable<Route>(parse(location.hash));

addEventListener("hashchange", () => route.set(parse(location.hash)));

/** Another view: back leads here again. */
export function go(hash: string): void {
  location.hash = hash;
}

/** The same view with other parts; `again` false: back does not lead here again, as for each letter of a filter. */
export function change(query: Readonly<Record<string, string>>, again = false): void {
  const next = { ...route.value, query: { ...route.value.query, ...query } };
  const hash = format(next);
  if (again) go(hash);
  else {
    history.replaceState(null, "", hash);
    route.set(parse(hash));
  }
}
