// The view that is shown, as the command that tells the same in a terminal.

import { copy, CopyButton } from "../parts/controls";
import { commandOf } from "../pure/commands";
import { useKeys } from "../state/keys";
import { useValue } from "../state/observable";
import { overview } from "../state/overview";
import { route } from "../state/route";

export function CommandLine() {
  const here = useValue(route);
  const command = commandOf(here, useValue(overview)?.trust_domain ?? "example.org");
  useKeys([{ keys: "y", does: "copy this view as a command", run: () => void copy(command, "the command") }]);
  return (
    <div class="cmd">
      <span class="p" aria-hidden="true">
        $
      </span>
      <code>{command}</code>
      <span class="grow" />
      <span class="t11 f3 ui hide-n">this view as a command</span>
      <CopyButton text={command} what="this view as a command">
        <kbd class="kbd">y</kbd>
      </CopyButton>
    </div>
  );
}
