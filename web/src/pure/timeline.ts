// Authorities as bars in time: this server's own by their slot, others of the bundle outlined. A key says no beginning:
// its bar begins at the edge.

import type { Slot, Vouching } from "../api/models";

export interface Bar {
  readonly id: string;
  readonly from: number;
  readonly until: number;
  readonly word: string;
  readonly looks: "active" | "prepared" | "old" | "other" | "tainted";
}

export interface Layout {
  readonly bars: readonly Bar[];
  readonly from: number;
  readonly until: number;
}

const BEFORE = 3600; // seconds shown before now at least

export function layout(own: readonly Slot[], bundle: readonly Vouching[], now: number): Layout {
  const known = new Map(bundle.map((one) => [one.id, one]));
  const begins = bundle.map((one) => one.begins_at).filter((one) => one !== null);
  const ends = [...own.map((one) => one.expires_at), ...bundle.map((one) => one.expires_at ?? 0)];
  const from = Math.min(now - BEFORE, ...begins);
  const until = Math.max(now + BEFORE, ...ends);
  const slots = own.map((one): Bar => {
    const vouching = known.get(one.id);
    known.delete(one.id);
    const tainted = vouching?.tainted ?? false;
    return {
      id: one.id,
      from: vouching?.begins_at ?? from,
      until: one.expires_at,
      word: tainted ? `${one.slot}, tainted` : one.slot,
      looks: tainted ? "tainted" : one.slot,
    };
  });
  const others = [...known.values()].map(
    (one): Bar => ({
      id: one.id,
      from: one.begins_at ?? from,
      until: one.expires_at ?? until,
      word: one.tainted ? "tainted" : "still trusted",
      looks: one.tainted ? "tainted" : "other",
    }),
  );
  return { bars: [...slots, ...others], from, until };
}
