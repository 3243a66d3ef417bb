// One agent beside the table: all that is known of it, and what may be done, by who has the right.

import { useState } from "preact/hooks";

import { change as ask, Refusal } from "../api/client";
import type { AgentRow, Changed } from "../api/models";
import { CopyButton, Write } from "../parts/controls";
import { Dialog } from "../parts/dialog";
import { Icon } from "../parts/icons";
import { Failed } from "../parts/notices";
import { Panel } from "../parts/panel";
import { AgentStateWord } from "../parts/state";
import { age, moment } from "../pure/format";
import { line } from "../pure/commands";
import { to } from "../pure/route";
import { useNow } from "../state/clock";
import { session } from "../state/connection";
import { useValue } from "../state/observable";
import { say } from "../state/speech";

type Deed = "ban" | "evict";
const TAKES: Readonly<Record<Deed, string>> = {
  ban: "The server refuses it until it is evicted. Its workloads keep what they have until that expires.",
  evict: "It must attest anew; a ban ends. With a join token it needs a new one.",
};

export function AgentPanel({ agent, onClose }: { agent: AgentRow; onClose: () => void }) {
  const now = useNow();
  const [deed, setDeed] = useState<Deed | null>(null);
  return (
    <Panel
      title={agent.name}
      class="detail"
      head={
        <button type="button" class="btn ghost" aria-label="Close" onClick={onClose}>
          <Icon name="close" size="s" />
        </button>
      }
    >
      <div class="panel-b">
        <dl class="kv">
          <dt>SPIFFE ID</dt>
          <dd class="mono-s break">
            {agent.id}
            <CopyButton text={agent.id} what="the SPIFFE ID" />
          </dd>
          <dt>state</dt>
          <dd>
            <AgentStateWord state={agent.state} />
            <p class="f2">{agent.why}</p>
          </dd>
          <dt>attested by</dt>
          <dd>
            {agent.method} <span class="f3">{agent.can_reattest ? "can attest again" : "cannot attest again"}</span>
          </dd>
          <dt>SVID expires</dt>
          <dd>{agent.expires_at === null ? "none" : `${age(agent.expires_at, now)}, ${moment(agent.expires_at)}`}</dd>
          <dt>heard</dt>
          <dd>{agent.last_seen === null ? "not told" : `${age(agent.last_seen, now)}, ${moment(agent.last_seen)}`}</dd>
          <dt>version</dt>
          <dd>{agent.version || "not told"}</dd>
          <dt>selectors</dt>
          <dd class="row wrap">
            {agent.selectors.map((one) => (
              <span class="chip">{one}</span>
            ))}
            {!agent.selectors.length && <span class="f3">none</span>}
          </dd>
        </dl>
        <div class="row wrap deeds">
          <a class="btn" href={to("explain", { agent: agent.id })}>
            <Icon name="explain" size="s" />
            Explain a process<kbd class="kbd">e</kbd>
          </a>
          <a class="btn" href={to("identities", { q: `parent:${agent.id}` })}>
            Entries below it
          </a>
          <Write title="Ban" command={line("finial agent ban", ["-spiffeID", agent.id])} run={() => setDeed("ban")} />
          <Write title="Evict" command={line("finial agent evict", ["-spiffeID", agent.id])} run={() => setDeed("evict")} />
        </div>
      </div>
      {deed && <Confirm agent={agent} deed={deed} onClose={() => setDeed(null)} />}
    </Panel>
  );
}

function Confirm({ agent, deed, onClose }: { agent: AgentRow; deed: Deed; onClose: () => void }) {
  const csrf = useValue(session)?.csrf ?? "";
  const [error, setError] = useState<Refusal | null>(null);
  const run = async () => {
    try {
      await ask<Changed>("POST", `/api/agent/${deed}`, { id: agent.id }, csrf);
      say(`${agent.name} ${deed === "ban" ? "banned" : "evicted"}`);
      onClose();
    } catch (failure) {
      if (!(failure instanceof Refusal)) throw failure;
      setError(failure);
    }
  };
  const title = deed === "ban" ? "Ban" : "Evict";
  return (
    <Dialog title={`${title} ${agent.name}?`} onClose={onClose}>
      <p class="mono-s break">{agent.id}</p>
      <p class="f2">{TAKES[deed]}</p>
      {error && <Failed what={`${agent.name} not changed`} error={error} />}
      <div class="row deeds">
        <button type="button" class="btn pri" onClick={run}>
          {title} this one agent
        </button>
        <button type="button" class="btn" onClick={onClose}>
          Leave it as it is
        </button>
      </div>
    </Dialog>
  );
}
