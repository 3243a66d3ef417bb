// In a view's or a table's place: what is awaited, what was refused and the next step, what would stand here.

import type { ComponentChildren } from "preact";

import type { Refusal } from "../api/client";
import { Icon, Mark } from "./icons";
import { CopyButton } from "./controls";

export function Waiting({ what }: { what: string }) {
  return (
    <p class="notice f3" role="status">
      asking for {what}
    </p>
  );
}

export function Failed({ what, error }: { what: string; error: Refusal }) {
  return (
    <div class="notice" role="alert">
      <Mark name="failing" tone="crit" small={false} />
      <div>
        <p class="m">
          {what}: {error.message}.
        </p>
        {error.hint && <p class="f2">{error.hint}</p>}
        <details class="f3">
          <summary>details</summary>
          {error.kind || "no kind"}, HTTP {error.status}
        </details>
      </div>
    </div>
  );
}

/** Nothing is there: how it comes to be, and one command. */
export function Empty({ title, children, command }: { title: string; children: ComponentChildren; command?: string }) {
  return (
    <div class="empty">
      <Icon name="link" />
      <div>
        <p class="b">{title}</p>
        <p>{children}</p>
        {command && <Command text={command} />}
      </div>
    </div>
  );
}

export function Command({ text }: { text: string }) {
  return (
    <div class="code">
      <span class="p" aria-hidden="true">
        $
      </span>
      <code class="grow">{text}</code>
      <CopyButton text={text} what="the command" />
    </div>
  );
}
