// What the console's API answers, by the types that are made of its OpenAPI document.

import type { components } from "./schema";

type Schemas = components["schemas"];

export type Session = Schemas["SessionModel"];
export type Overview = Schemas["Overview"];
export type CardModel = Schemas["Card"];
export type AttentionItem = Schemas["AttentionItem"];
export type FigureModel = Schemas["FigureModel"];
export type LagModel = Schemas["Lag"];
export type ChangeRow = Schemas["ChangeRow"];
export type AgentRow = Schemas["AgentRow"];
export type AgentState = AgentRow["state"];
export type IdentityRow = Schemas["IdentityRow"];
export type IdentityPage = Schemas["IdentityPage"];
export type Authorities = Schemas["Authorities"];
export type Slot = Schemas["Slot"];
export type Vouching = Schemas["Vouching"];
export type Trend = Schemas["Trend"];
export type Changed = Schemas["Changed"];
export type ExplainRequest = Schemas["ExplainRequest"];

/** `finial explain -output json`: the same record. */
export interface Explanation {
  readonly headline: string;
  readonly identities: readonly string[];
  readonly faults: readonly string[];
  readonly steps: readonly Step[];
  readonly candidates: readonly Candidate[];
  readonly remedy: Remedy | null;
}

export interface Step {
  readonly name: string;
  readonly verdict: "passed" | "broke here" | "not reached" | "not available";
  readonly says: string;
}

export interface Candidate {
  readonly entry_id: string;
  readonly spiffe_id: string;
  readonly has: readonly string[];
  readonly lacks: readonly { readonly selector: string; readonly instead: readonly string[] }[];
  readonly expired: boolean;
  readonly held: boolean;
  readonly parents: readonly string[] | null;
  readonly broken_at: string | null;
}

export interface Remedy {
  readonly text: string;
  readonly commands: readonly string[];
  readonly effect: string;
}
