// Whether the console is there, and when something moved. One stream of events feeds all views; without it they are asked
// by the clock. A stream that ends is opened again, after asking who is signed in: a console that started anew knows
// nobody, and then the page waits for a new link instead of asking on and on.

import { get, Refusal } from "../api/client";
import type { Session } from "../api/models";
import { observable } from "./observable";
import { refresh } from "./preferences";

export type Link =
  | { readonly kind: "connecting" }
  | { readonly kind: "live" }
  | { readonly kind: "lost"; readonly since: number }
  | { readonly kind: "signed out"; readonly hint: string };

export const link = observable<Link>({ kind: "connecting" });
export const session = observable<Session | null>(null);
export const moves = observable(0); // rises when views should ask again

const AGAIN = [500, 1000, 2000, 4000]; // milliseconds until the next attempt; the last one for good
let stream: EventSource | null = null;
let timer: number | undefined;
let attempts = 0;

export function follow(): void {
  refresh.watch(restart);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && refresh.value !== "paused") bump();
  });
  restart();
}

/** Somebody's request did not arrive. */
export function lose(): void {
  if (link.value.kind === "lost") return;
  link.set({ kind: "lost", since: Date.now() / 1000 });
  stop();
  again();
}

export function signOut(hint: string): void {
  if (link.value.kind === "signed out") return;
  link.set({ kind: "signed out", hint });
  stop();
  again();
}

function restart(): void {
  stop();
  attempts = 0;
  void open();
}

async function open(): Promise<void> {
  try {
    session.set(await get<Session>("/api/session"));
  } catch (error) {
    if (error instanceof Refusal && error.status === 401) signOut(error.hint);
    else lose();
    if (timer === undefined) again();
    return;
  }
  attempts = 0;
  link.set({ kind: "live" });
  bump();
  if (refresh.value === "live") listen();
  else if (refresh.value !== "paused") timer = window.setInterval(bump, Number(refresh.value) * 1000);
}

function listen(): void {
  const own = new EventSource("/api/events");
  stream = own;
  own.addEventListener("moved", bump);
  own.onerror = () => {
    if (stream !== own) return;
    stop();
    lose();
  };
}

function bump(): void {
  moves.set(moves.value + 1);
}

function again(): void {
  const pause = AGAIN[Math.min(attempts, AGAIN.length - 1)] ?? 4000;
  attempts += 1;
  timer = window.setTimeout(() => {
    timer = undefined;
    void open();
  }, pause);
}

function stop(): void {
  stream?.close();
  stream = null;
  clearInterval(timer); // of a timeout too: both are of one kind
  timer = undefined;
}
