// Each view as a command: what a person types to see the same in a terminal. Only options that the command has; what it
// cannot narrow down is left out, and shows more.

import { chosen } from "./filter";
import type { Route } from "./route";

export function commandOf(route: Route, trustDomain: string): string {
  const make = COMMANDS[route.view];
  return make ? make(route, trustDomain) : "finial help";
}

const COMMANDS: Readonly<Record<string, (route: Route, trustDomain: string) => string>> = {
  overview: () => "finial status -output json",
  server: () => "finial server healthcheck -verbose",
  agents: ({ query }) => {
    const row = query["row"];
    return row ? line("finial agent show", ["-spiffeID", row]) : agentList(query["q"] ?? "");
  },
  identities: ({ path, query }, trustDomain) => {
    if (query["entry"]) return line("finial entry show", ["-entryID", query["entry"]]);
    if (path.length) return line("finial entry show", ["-spiffeID", `spiffe://${trustDomain}/${path.join("/")}`]);
    return line("finial entry show", ...chosen(query["q"] ?? "", "selector").map((one) => ["-selector", one] as const));
  },
  explain: ({ query }) => {
    const selectors = (query["selectors"] ?? "").split(/\s+/).filter(Boolean);
    return line(
      "finial explain",
      ...(query["pid"] ? [["-pid", query["pid"]] as const] : selectors.map((one) => ["-selector", one] as const)),
      ...(query["id"] ? [["-spiffeID", query["id"]] as const] : []),
      ...(query["agent"] && !query["pid"] ? [["-agentID", query["agent"]] as const] : []),
    );
  },
  authorities: ({ path }) => `finial localauthority ${path[0] === "jwt" ? "jwt" : "x509"} show`,
  metrics: () => "finial status -output json",
  commands: () => "finial help",
};

function agentList(query: string): string {
  const banned = chosen(query, "state");
  const methods = chosen(query, "method");
  return line(
    "finial agent list",
    ...(methods.length === 1 ? [["-attestationType", methods[0] ?? ""] as const] : []),
    ...(banned.length === 1 && banned[0] === "banned" ? [["-banned", "true"] as const] : []),
    ...chosen(query, "selector").map((one) => ["-selector", one] as const),
  );
}

export function line(command: string, ...options: readonly (readonly [string, string])[]): string {
  return [command, ...options.map(([name, value]) => `${name} ${shell(value)}`)].join(" ");
}

/** For a POSIX shell. */
export function shell(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
