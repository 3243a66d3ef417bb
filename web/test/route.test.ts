import { expect, test } from "vitest";

import { format, pageOf, parse, to, viewOf } from "../src/pure/route";

test("an address and its route say the same", () => {
  const route = { view: "identities", path: ["ns", "a b/c"], query: { sort: "-expires", q: "selector:unix:uid:1" } };
  expect(parse(format(route))).toEqual(route);
  expect(parse("")).toEqual({ view: "overview", path: [], query: {} });
});

test("an address that somebody cut opens a view all the same", () => {
  expect(parse("#/identities/%E0%A4%A").path).toEqual(["%E0%A4%A"]);
});

test("empty parts are left out", () => {
  expect(to("agents", { q: "", row: "x" })).toBe("#/agents?row=x");
});

test("a SPIFFE ID leads to its page", () => {
  expect(pageOf("spiffe://example.org/ns/web", "e1")).toBe("#/identities/ns/web?entry=e1");
  expect(pageOf("spiffe://example.org/spire/agent/join_token/a")).toMatch(/^#\/agents\?row=spiffe/);
});

test("an attention line leads to a view, without the place on it", () => {
  expect(viewOf("overview#changes")).toEqual({ view: "overview", path: [], query: {} });
  expect(viewOf("agents?state=gone").query).toEqual({ state: "gone" });
  expect(viewOf("authorities/x509").path).toEqual(["x509"]);
});
