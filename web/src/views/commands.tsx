// The commands that tell or do what the page does, to copy.

import { Command } from "../parts/notices";
import { Head, Panel } from "../parts/panel";
import { commandOf } from "../pure/commands";
import { to } from "../pure/route";
import { PLACES } from "../shell/places";
import { useValue } from "../state/observable";
import { overview } from "../state/overview";

const ALSO: readonly (readonly [string, readonly (readonly [string, string])[]])[] = [
  [
    "Agents",
    [
      ["Let a node join", "finial token generate -spiffeID spiffe://example.org/node"],
      ["Refuse an agent", "finial agent ban -spiffeID spiffe://example.org/spire/agent/…"],
      ["Have an agent attest anew", "finial agent evict -spiffeID spiffe://example.org/spire/agent/…"],
    ],
  ],
  [
    "Identities",
    [
      [
        "Give an identity",
        "finial entry create -parentID spiffe://example.org/node -spiffeID spiffe://example.org/web -selector unix:uid:1000",
      ],
      ["Take an identity", "finial entry delete -entryID …"],
      ["Why has a process none", "finial explain -pid 4242"],
    ],
  ],
  [
    "Authorities",
    [
      ["Prepare the next root", "finial localauthority x509 prepare"],
      ["Let it sign", "finial localauthority x509 activate -authorityID …"],
      ["Distrust one", "finial localauthority x509 taint -authorityID …"],
      ["The trust bundle", "finial bundle show"],
    ],
  ],
];

export function CommandsView() {
  const domain = useValue(overview)?.trust_domain ?? "example.org";
  return (
    <section class="view">
      <Head title="Commands" sub="what the page shows and does, from a terminal" />
      <div class="tiles">
        <Panel title="Views" sub="each as a command">
          <dl class="panel-b commands">
            {PLACES.filter((one) => one.view !== "commands").map(({ view, title }) => (
              <>
                <dt>
                  <a class="link" href={to(view)}>
                    {title}
                  </a>
                </dt>
                <dd>
                  <Command text={commandOf({ view, path: [], query: {} }, domain)} />
                </dd>
              </>
            ))}
          </dl>
        </Panel>
        {ALSO.map(([title, commands]) => (
          <Panel title={title}>
            <dl class="panel-b commands">
              {commands.map(([does, command]) => (
                <>
                  <dt>{does}</dt>
                  <dd>
                    <Command text={command.replaceAll("example.org", domain)} />
                  </dd>
                </>
              ))}
            </dl>
          </Panel>
        ))}
      </div>
    </section>
  );
}
