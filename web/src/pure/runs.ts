// A series in pieces without gaps: what a chart may join.

export interface Known {
  readonly index: number;
  readonly value: number;
}

export function runs(values: readonly (number | null)[]): Known[][] {
  const found: Known[][] = [];
  let run: Known[] = [];
  values.forEach((value, index) => {
    if (value === null) {
      if (run.length) found.push(run);
      run = [];
    } else run.push({ index, value });
  });
  if (run.length) found.push(run);
  return found;
}
