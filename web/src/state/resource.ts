// What a view shows, asked again whenever something moved. While an answer is awaited what was there stays; one question
// is under way at a time, and no more than one in each `pace`.

import { useEffect, useRef, useState } from "preact/hooks";

import { Refusal, Unreachable } from "../api/client";
import { lose, moves, signOut } from "./connection";

export interface Resource<T> {
  readonly data: T | undefined;
  readonly error: Refusal | undefined;
}

export function useResource<T>(key: string, ask: (signal: AbortSignal) => Promise<T>, pace = 0): Resource<T> {
  const [state, set] = useState<Resource<T> & { key: string }>({ key, data: undefined, error: undefined });
  const question = useRef(ask);
  question.current = ask;
  useEffect(() => {
    const gone = new AbortController();
    let [busy, again, last] = [false, false, -Infinity];
    let timer: number | undefined;
    const load = async () => {
      if (busy || timer !== undefined) {
        again = true;
        return;
      }
      busy = true;
      last = performance.now();
      try {
        const data = await question.current(gone.signal);
        if (!gone.signal.aborted) set({ key, data, error: undefined });
      } catch (error) {
        if (!gone.signal.aborted) fail(error);
      } finally {
        busy = false;
      }
      if (again && !gone.signal.aborted) later();
    };
    const later = () => {
      again = false;
      timer = window.setTimeout(() => {
        timer = undefined;
        void load();
      }, Math.max(0, last + pace - performance.now()));
    };
    const fail = (error: unknown) => {
      if (error instanceof Unreachable) lose();
      else if (error instanceof Refusal && error.status === 401) signOut(error.hint);
      else if (error instanceof Refusal) set((was) => ({ key, data: error.status >= 500 ? was.data : undefined, error }));
      else throw error;
    };
    void load();
    const end = moves.watch(() => {
      if (performance.now() - last < pace && !busy && timer === undefined) later();
      else void load();
    });
    return () => {
      end();
      clearTimeout(timer);
      gone.abort();
    };
  }, [key, pace]);
  return state.key === key ? state : { data: undefined, error: undefined };
}
