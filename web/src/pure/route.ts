// The address holds the whole view: `#/identities/ns/shop/web?sort=-expires`. A copied address opens the same for others.

export interface Route {
  readonly view: string;
  readonly path: readonly string[];
  readonly query: Readonly<Record<string, string>>;
}

export function parse(hash: string): Route {
  const [before = "", after = ""] = split(hash.replace(/^#\/?/, ""), "?");
  const [view = "", ...path] = before.split("/").filter(Boolean).map(decoded);
  return { view: view || "overview", path, query: Object.fromEntries(new URLSearchParams(after)) };
}

export function format(route: Route): string {
  const path = [route.view, ...route.path].map(encodeURIComponent).join("/");
  const query = new URLSearchParams(Object.entries(route.query).filter(([, value]) => value !== ""));
  return `#/${path}${query.size ? `?${query}` : ""}`;
}

export function to(view: string, query: Readonly<Record<string, string>> = {}, path: readonly string[] = []): string {
  return format({ view, path, query });
}

/** The page of a SPIFFE ID: an agent's, or an identity's. */
export function pageOf(id: string, entry = ""): string {
  const path = id.replace(/^spiffe:\/\/[^/]+\/?/, "").split("/");
  if (path[0] === "spire" && path[1] === "agent") return to("agents", { row: id });
  return to("identities", entry ? { entry } : {}, path);
}

/** Where an attention line leads; a place on the page after `#` is dropped, the view is short enough to find it. */
export function viewOf(told: string): Route {
  return parse(`#/${told.split("#")[0] ?? ""}`);
}

function split(text: string, at: string): [string, string] {
  const index = text.indexOf(at);
  return index < 0 ? [text, ""] : [text.slice(0, index), text.slice(index + 1)];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // an address that somebody cut
  }
}
