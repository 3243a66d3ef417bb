// Whether the page is live, up to which position, by whose clock, as whom.

import { Mark } from "../parts/icons";
import { clock, moment, position, span } from "../pure/format";
import { useNow } from "../state/clock";
import { link, session } from "../state/connection";
import { useValue } from "../state/observable";
import { overview } from "../state/overview";
import { refresh } from "../state/preferences";

const HINTS = [
  ["/", "find"],
  ["j k", "move"],
  ["↵", "open"],
  ["e", "explain"],
  ["y", "copy command"],
  ["i", "sources"],
  ["?", "all keys"],
] as const;

export function StatusBar() {
  const seen = useValue(overview);
  const who = useValue(session);
  return (
    <footer class="foot">
      <span role="status" class="row">
        <Connection />
      </span>
      {seen?.position && (
        <span title={seen.position}>
          position <span class="mono-s f2">{position(seen.position)}</span>
        </span>
      )}
      <Clock skew={seen?.skew ?? null} />
      {who && <span class="hide-n">{who.role === "admin" ? "admin" : "viewer, read-only"}</span>}
      <span class="grow" />
      {HINTS.map(([key, does]) => (
        <span class="row hide-n">
          <kbd class="kbd">{key}</kbd>
          {does}
        </span>
      ))}
    </footer>
  );
}

function Connection() {
  const state = useValue(link);
  const seen = useValue(overview);
  const every = useValue(refresh);
  const now = useNow();
  const outage = seen?.attention.find((one) => one.view === "server" && one.severity === "critical");
  if (state.kind === "connecting") return <>connecting</>;
  if (state.kind === "signed out") return <Told tone="crit">signed out, what is shown is old</Told>;
  if (state.kind === "lost") {
    return <Told tone="warn">{`reconnecting, ${span(Math.max(1, Math.round(now - state.since)))}`}</Told>;
  }
  if (outage) {
    const since = outage.since ? ` since ${clock(outage.since)}` : "";
    return <Told tone="crit">{`server gone${since}, last position ${position(seen?.position ?? "")}`}</Told>;
  }
  if (every === "paused") return <Told tone="warn">paused, press p to go on</Told>;
  if (every !== "live") return <Told tone="ok">{`asked every ${every} s`}</Told>;
  return <Told tone="ok">{seen?.own === false ? "live, the server is polled" : "live, pushed by the server"}</Told>;
}

function Told({ tone, children }: { tone: "ok" | "warn" | "crit"; children: string }) {
  const mark = { ok: "dot", warn: "pending", crit: "failing" } as const;
  return (
    <>
      <Mark name={mark[tone]} tone={tone} />
      {children}
    </>
  );
}

function Clock({ skew }: { skew: number | null }) {
  const now = useNow();
  return (
    <span class="hide-n">
      {moment(now)}, skew {skew === null ? "not available: not measured yet" : span(skew)}
    </span>
  );
}
