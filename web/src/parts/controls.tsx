// Buttons: copying, choosing one of a few, changing something that a right is needed for.

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";

import { session } from "../state/connection";
import { useValue } from "../state/observable";
import { say } from "../state/speech";
import { Icon } from "./icons";

export async function copy(text: string, what: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    say(`${what} copied`);
  } catch {
    say(`${what} not copied: the browser does not allow it`);
  }
}

export function CopyButton({ text, what, children }: { text: string; what: string; children?: ComponentChildren }) {
  const [done, set] = useState(false);
  const run = async () => {
    await copy(text, what);
    set(true);
    setTimeout(() => set(false), 1500);
  };
  return (
    <button type="button" class="btn ghost" aria-label={`Copy ${what}`} onClick={run}>
      <Icon name="copy" size="s" />
      {children}
      {done && <span class="f3">copied</span>}
    </button>
  );
}

interface Choice<T extends string> {
  readonly value: T;
  readonly title: string;
}

export function Choices<T extends string>(props: {
  label: string;
  value: T;
  choices: readonly Choice<T>[];
  onChoose: (value: T) => void;
}) {
  return (
    <div class="seg" role="group" aria-label={props.label}>
      {props.choices.map(({ value, title }) => (
        <button type="button" aria-pressed={value === props.value} onClick={() => props.onChoose(value)}>
          {title}
        </button>
      ))}
    </div>
  );
}

/** Changes something: for an admin a button; others see what it needs, and the command to hand on. */
export function Write({ title, command, run }: { title: string; command: string; run: () => void }) {
  const admin = useValue(session)?.role === "admin";
  if (admin) {
    return (
      <button type="button" class="btn" onClick={run}>
        {title}
      </button>
    );
  }
  return (
    <span class="row">
      <button type="button" class="btn" disabled title="needs the role admin">
        <Icon name="lock" size="s" />
        {title}, needs admin
      </button>
      <CopyButton text={command} what={`the command for "${title}"`} />
    </span>
  );
}
