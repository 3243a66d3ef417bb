// States in words with their mark: of agents, of the five cards, of a step.

import type { AgentState } from "../api/models";
import { Mark, type MarkName } from "./icons";

export type Tone = "ok" | "warn" | "crit" | "info" | "idle";

const AGENTS: Readonly<Record<AgentState, readonly [MarkName, Tone]>> = {
  ready: ["ok", "ok"],
  delivered: ["delivered", "info"],
  pending: ["pending", "warn"],
  gone: ["gone", "crit"],
  expired: ["failing", "crit"],
  banned: ["banned", "idle"],
  unknown: ["none", "idle"],
};

const STATUSES: Readonly<Record<string, readonly [MarkName, Tone]>> = {
  healthy: ["ok", "ok"],
  warning: ["warning", "warn"],
  failing: ["failing", "crit"],
  critical: ["failing", "crit"],
  info: ["info", "info"],
  unknown: ["none", "idle"],
};

export const WORST_FIRST: readonly AgentState[] = [
  "gone",
  "expired",
  "pending",
  "banned",
  "unknown",
  "delivered",
  "ready",
];

export function AgentMark({ state }: { state: AgentState }) {
  const [mark, tone] = AGENTS[state];
  return <Mark name={mark} tone={tone} />;
}

export function AgentStateWord({ state }: { state: AgentState }) {
  return (
    <span class="st">
      <AgentMark state={state} />
      {state}
    </span>
  );
}

export function StatusMark({ status, small = true }: { status: string; small?: boolean }) {
  const [mark, tone] = STATUSES[status] ?? ["none", "idle"];
  return <Mark name={mark} tone={tone} small={small} />;
}

export function Pill({ tone, mark, children }: { tone: Tone; mark: MarkName; children: string }) {
  return (
    <span class={`pill ${tone}`}>
      <Mark name={mark} tone={tone} />
      {children}
    </span>
  );
}
