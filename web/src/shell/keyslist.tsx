// All keys that work on the page as it is, and the switch that turns them off.

import { Choices } from "../parts/controls";
import { Dialog } from "../parts/dialog";
import { bindings } from "../state/keys";
import { useValue } from "../state/observable";
import { keysOn } from "../state/preferences";

export function KeysList({ onClose }: { onClose: () => void }) {
  const all = new Map(useValue(bindings).map((one) => [one.keys, one.does]));
  return (
    <Dialog title="All keys" onClose={onClose}>
      <div class="row">
        <span class="f2">Keys with one letter</span>
        <Choices
          label="Keys with one letter"
          value={useValue(keysOn)}
          choices={[
            { value: "on", title: "on" },
            { value: "off", title: "off" },
          ]}
          onChoose={(value) => keysOn.set(value)}
        />
      </div>
      <dl class="keys">
        {[...all].map(([keys, does]) => (
          <div>
            <dt>
              {keys.split(" ").map((one) => (
                <kbd class="kbd">{one}</kbd>
              ))}
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
