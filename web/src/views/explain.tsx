// Why a process has no identity: asked by selectors, or by a pid of the console's machine by who has the right. The steps
// in the order in which an identity passes them, entries that nearly fit, and one remedy.

import { useEffect, useState } from "preact/hooks";

import { change as ask, Refusal, Unreachable } from "../api/client";
import type { Candidate, Explanation, ExplainRequest, Remedy, Step } from "../api/models";
import { Choices } from "../parts/controls";
import { Icon, Mark, type MarkName } from "../parts/icons";
import { Command, Failed } from "../parts/notices";
import { Head, Panel } from "../parts/panel";
import { Pill, type Tone } from "../parts/state";
import { moment, plural } from "../pure/format";
import { commandOf } from "../pure/commands";
import { pageOf } from "../pure/route";
import { lose, session } from "../state/connection";
import { useValue } from "../state/observable";
import { change, route } from "../state/route";

type By = "selectors" | "pid";

export function ExplainView() {
  const { query } = useValue(route);
  const admin = useValue(session)?.role === "admin";
  const [by, setBy] = useState<By>(query["pid"] ? "pid" : "selectors");
  const { told, error, busy, run } = useAnswer();

  useEffect(() => {
    if (query["pid"] ? admin : query["selectors"]) void run(requestOf(query));
  }, [query["pid"], query["selectors"], query["id"], query["agent"], admin]);

  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget as HTMLFormElement);
    const text = (name: string) => String(fields.get(name) ?? "").trim();
    const next = { pid: text("pid"), selectors: text("selectors"), id: text("id"), agent: text("agent") };
    change(next, true);
    void run(requestOf(next));
  };
  return (
    <section class="view">
      <Head title="Explain" sub="why a process has no identity, or which it has" />
      <form class="ask" onSubmit={submit} key={by}>
        <Choices
          label="Ask by"
          value={by}
          choices={[
            { value: "selectors", title: "selectors" },
            { value: "pid", title: "pid" },
          ]}
          onChoose={setBy}
        />
        {by === "pid" ? (
          <Field name="pid" title="pid" value={query["pid"]} hint="4242" number />
        ) : (
          <Field name="selectors" title="selectors" value={query["selectors"]} hint="unix:uid:1000 unix:gid:1000" wide />
        )}
        <Field name="id" title="expected" value={query["id"]} hint="spiffe://example.org/web, or nothing" wide />
        {by === "selectors" && <Field name="agent" title="agent" value={query["agent"]} hint="the agent's SPIFFE ID, or nothing" wide />}
        <button type="submit" class="btn pri" disabled={busy || (by === "pid" && !admin)}>
          {by === "pid" && !admin && <Icon name="lock" size="s" />}
          {by === "pid" && !admin ? "Explain, needs admin" : "Explain"}
        </button>
      </form>
      {by === "pid" && !admin && <Denied pid={query["pid"] ?? ""} />}
      {error && <Failed what="Not explained" error={error} />}
      {told && <Answer told={told.answer} at={told.at} />}
      {!told && !error && !busy && (
        <p class="notice f2">
          Name what the process has, one selector after another, as the agent would see it. The agent on the console's own
          machine answers; of an agent elsewhere the server tells what it knows.
        </p>
      )}
    </section>
  );
}

function useAnswer() {
  const [told, setTold] = useState<{ answer: Explanation; at: number } | null>(null);
  const [error, setError] = useState<Refusal | null>(null);
  const [busy, setBusy] = useState(false);
  const run = async (request: Partial<ExplainRequest>) => {
    setBusy(true);
    setError(null);
    try {
      setTold({ answer: await ask<Explanation>("POST", "/api/explain", request), at: Date.now() / 1000 });
    } catch (failure) {
      setTold(null);
      if (failure instanceof Refusal) setError(failure);
      else if (failure instanceof Unreachable) lose();
      else throw failure;
    } finally {
      setBusy(false);
    }
  };
  return { told, error, busy, run };
}

function requestOf(query: Readonly<Record<string, string | undefined>>): Partial<ExplainRequest> {
  const expected = query["id"] ? { spiffe_id: query["id"] } : {};
  if (query["pid"]) return { pid: Number(query["pid"]), ...expected };
  const selectors = (query["selectors"] ?? "").split(/\s+/).filter(Boolean);
  return { selectors, ...expected, ...(query["agent"] ? { agent_id: query["agent"] } : {}) };
}

function Field(props: { name: string; title: string; value: string | undefined; hint: string; wide?: boolean; number?: boolean }) {
  return (
    <label class={props.wide ? "find wide" : "find"}>
      <span class="f3 t12">{props.title}</span>
      <input
        type="text"
        name={props.name}
        defaultValue={props.value ?? ""}
        placeholder={props.hint}
        spellcheck={false}
        autocomplete="off"
        {...(props.number ? { inputMode: "numeric" as const, pattern: "[0-9]*", title: "a number" } : {})}
      />
    </label>
  );
}

function Denied({ pid }: { pid: string }) {
  const command = commandOf({ view: "explain", path: [], query: { pid: pid || "4242" } }, "");
  return (
    <div class="notice" role="note">
      <Mark name="banned" tone="idle" small={false} />
      <div>
        <p class="m">Asking by pid needs the role admin: a process of this machine may be somebody else's.</p>
        <p class="f2">Ask by selectors here, or on the machine itself:</p>
        <Command text={command} />
      </div>
    </div>
  );
}

const VERDICTS: Readonly<Record<Step["verdict"], readonly [MarkName, Tone | "", string]>> = {
  passed: ["ok", "ok", ""],
  "broke here": ["failing", "crit", "bad"],
  "not reached": ["none", "", "off"],
  "not available": ["info", "idle", "off"],
};

function Answer({ told, at }: { told: Explanation; at: number }) {
  const well = told.faults.length === 0;
  return (
    <>
      <section class={well ? "panel verdict" : "panel verdict crit"} aria-label="Answer" aria-live="polite">
        <div class="headline">
          <Mark name={well ? "ok" : "failing"} tone={well ? "ok" : "crit"} small={false} />
          <h2>{told.headline}</h2>
          {told.faults.map((one) => (
            <Pill tone="crit" mark="failing">
              {one}
            </Pill>
          ))}
        </div>
        {told.identities.length > 0 && (
          <p class="gets f2">
            gets{" "}
            {told.identities.map((one) => (
              <a class="link mono" href={pageOf(one)}>
                {one}
              </a>
            ))}
          </p>
        )}
        <ol class="steps">
          {told.steps.map((one) => (
            <StepBox step={one} />
          ))}
        </ol>
      </section>
      <div class="pair">
        <Candidates candidates={told.candidates} />
        <RemedyPanel remedy={told.remedy} at={at} />
      </div>
    </>
  );
}

function StepBox({ step }: { step: Step }) {
  const [mark, tone, looks] = VERDICTS[step.verdict];
  return (
    <li class={`step ${looks}`}>
      <div class="n">
        <Mark name={mark} tone={tone} />
        {step.name === "svid" ? "SVID" : step.name.charAt(0).toUpperCase() + step.name.slice(1)}
        <span class="vh">, {step.verdict}</span>
      </div>
      <div class="v">
        {step.verdict === "not available" && <em>not available: </em>}
        {step.says || step.verdict}
      </div>
    </li>
  );
}

function Candidates({ candidates }: { candidates: readonly Candidate[] }) {
  return (
    <Panel title="Candidates" sub="entries that fit or nearly do, fewest differences first">
      {candidates.length === 0 ? (
        <p class="notice f2">No entry comes near.</p>
      ) : (
        <ol class="near-list">
          {candidates.map((one, index) => (
            <Near one={one} rank={index + 1} />
          ))}
        </ol>
      )}
    </Panel>
  );
}

function Near({ one, rank }: { one: Candidate; rank: number }) {
  const all = one.lacks.length + one.has.length;
  return (
    <li class="near">
      <div class="row wrap">
        <span class="rank">{rank}</span>
        <a class="mono m break" href={pageOf(one.spiffe_id, one.entry_id)}>
          {one.spiffe_id}
        </a>
        {one.lacks.length > 0 && (
          <Pill tone="crit" mark="failing">
            {`${one.lacks.length} of ${all} missing`}
          </Pill>
        )}
        {!one.lacks.length && !one.broken_at && !one.expired && (
          <Pill tone="ok" mark="ok">
            fits
          </Pill>
        )}
        {one.broken_at && (
          <Pill tone="warn" mark="warning">
            parent not held
          </Pill>
        )}
        {one.expired && (
          <Pill tone="crit" mark="failing">
            expired
          </Pill>
        )}
        {!one.held && <span class="t11 f3">known to the server only</span>}
      </div>
      <div class="need">
        {one.lacks.map(({ selector, instead }) => (
          <>
            <span class="chip crit">
              <Mark name="failing" />
              {selector}
            </span>
            {instead.length > 0 && (
              <span class="t12 f2">
                has <span class="mono-s fg">{instead.join(" ")}</span>
              </span>
            )}
          </>
        ))}
        {one.broken_at && (
          <span class="chip crit">
            <Mark name="failing" />
            parent {one.broken_at}
          </span>
        )}
        {one.has.map((selector) => (
          <span class="chip ok">
            <Mark name="ok" />
            {selector}
          </span>
        ))}
      </div>
    </li>
  );
}

function RemedyPanel({ remedy, at }: { remedy: Remedy | null; at: number }) {
  return (
    <Panel title="Remedy" sub={`answered at ${moment(at).slice(11)}`}>
      <div class="panel-b">
        {remedy ? (
          <>
            <p class="m">{remedy.text}</p>
            {remedy.commands.map((one) => (
              <Command text={one} />
            ))}
            {remedy.effect && (
              <p class="row t12 f2 top-aligned">
                <Mark name="warning" tone="warn" />
                {remedy.effect}
              </p>
            )}
            {remedy.commands.length > 1 && <p class="t11 f3">{plural(remedy.commands.length, "command")}, in this order</p>}
          </>
        ) : (
          <p class="f2">Nothing to mend.</p>
        )}
      </div>
    </Panel>
  );
}
