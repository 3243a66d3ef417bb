// A value that many parts of the page look at.

import { useEffect, useState } from "preact/hooks";

export interface Observable<T> {
  readonly value: T;
  set(value: T): void;
  /** Returns what ends it. */
  watch(listener: (value: T) => void): () => void;
}

export function observable<T>(first: T): Observable<T> {
  const listeners = new Set<(value: T) => void>();
  let current = first;
  return {
    get value() {
      return current;
    },
    set(value) {
      if (Object.is(value, current)) return;
      current = value;
      for (const listener of [...listeners]) listener(value);
    },
    watch(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

export function useValue<T>(source: Observable<T>): T {
  const [value, set] = useState<T>(() => source.value);
  useEffect(() => {
    set(() => source.value); // it may have changed between drawing and watching
    return source.watch((next) => set(() => next));
  }, [source]);
  return value;
}
