import { expect, test } from "vitest";

import { layout } from "../src/pure/timeline";

const slot = { upstream_id: "", left: 0 };
const now = 100_000;

test("a bar from its beginning to its end; others of the bundle after the server's own", () => {
  const own = [{ ...slot, id: "a", slot: "active" as const, expires_at: now + 9000 }];
  const vouching = { kind: "x509" as const, tainted: false, own: true };
  const bundle = [
    { ...vouching, id: "b", begins_at: now - 9000, expires_at: now + 100, tainted: true, own: false },
    { ...vouching, id: "a", begins_at: now - 50, expires_at: now + 9000 },
  ];
  const { bars, from, until } = layout(own, bundle, now);
  expect(bars.map((one) => [one.id, one.looks, one.from])).toEqual([
    ["a", "active", now - 50],
    ["b", "tainted", now - 9000],
  ]);
  expect([from, until]).toEqual([now - 9000, now + 9000]);
});

test("a key without a beginning begins at the edge, and an hour on both sides is shown at least", () => {
  const bundle = [{ id: "k", kind: "jwt" as const, begins_at: null, expires_at: null, tainted: false, own: false }];
  const { bars, from, until } = layout([], bundle, now);
  expect([from, until]).toEqual([now - 3600, now + 3600]);
  expect(bars[0]).toMatchObject({ from, until, looks: "other" });
});
