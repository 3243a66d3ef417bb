// Asks the console. What it refuses comes as a Refusal: what failed and why, and the next step; what does not arrive as
// an Unreachable. Who asks decides what becomes of either.

import type { AgentRow, IdentityRow } from "./models";

export class Refusal extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly hint: string,
    readonly kind: string,
  ) {
    super(message);
  }
}

export class Unreachable extends Error {}

const MOST = 1000; // rows that the console answers at once

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return answer<T>(await send(path, signal ? { signal } : {}));
}

/** `csrf`: of the session. Explaining changes nothing and needs none. */
export async function change<T>(method: "POST" | "PUT" | "DELETE", path: string, body: unknown, csrf = ""): Promise<T> {
  const headers: Record<string, string> = { "content-type": "application/json", "x-csrf-token": csrf };
  return answer<T>(await send(path, { method, headers, body: JSON.stringify(body) }));
}

/** All rows of a table, page by page. */
export async function all<Row extends AgentRow | IdentityRow>(path: string, signal?: AbortSignal): Promise<Row[]> {
  const rows: Row[] = [];
  for (;;) {
    const page = await get<{ page: { total: number }; rows: Row[] }>(`${path}?offset=${rows.length}&most=${MOST}`, signal);
    rows.push(...page.rows);
    if (page.rows.length < MOST || rows.length >= page.page.total) return rows;
  }
}

async function send(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(path, { ...init, credentials: "same-origin" });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new Unreachable("the console does not answer");
  }
}

async function answer<T>(response: Response): Promise<T> {
  const told: unknown = response.status === 204 ? null : await response.json().catch(() => null);
  if (response.ok) return told as T;
  throw refusal(response.status, told);
}

function refusal(status: number, told: unknown): Refusal {
  const { error, hint, kind, detail } = (told ?? {}) as Record<string, unknown>;
  const message = typeof error === "string" ? error : firstOf(detail) || `the console answered ${status}`;
  return new Refusal(message, status, text(hint), text(kind));
}

/** What a field of a form was refused for: the first of them. */
function firstOf(detail: unknown): string {
  if (!Array.isArray(detail) || !detail.length) return "";
  const { loc, msg } = detail[0] as { loc?: unknown[]; msg?: unknown };
  return `${loc?.at(-1) ?? "request"}: ${text(msg)}`;
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
