// How long something lasts: a bar against an hour, and the time in words. Beyond an hour the bar is full.

import { moment, span } from "../pure/format";

const FULL = 3600; // seconds
const SOON = 600;

export function Expiry({ at, now }: { at: number | null; now: number }) {
  if (at === null) return <span class="f3">none</span>;
  const left = at - now;
  if (left <= 0) return <span class="crit" title={moment(at)}>{`ended ${span(-left)} ago`}</span>;
  return (
    <span class="row" title={moment(at)}>
      <span class="bar grow">
        <b class={left < SOON ? "warn" : ""} style={{ width: `${Math.min(left / FULL, 1) * 100}%` }} />
      </span>
      <span class="f2 left">{span(Math.round(left))}</span>
    </span>
  );
}
