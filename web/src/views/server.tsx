// The server: what its card says, in full, and how much it was asked.

import { Figure } from "../parts/figure";
import { Waiting } from "../parts/notices";
import { Head, Panel } from "../parts/panel";
import { StatusMark } from "../parts/state";
import { TrendChart } from "../parts/trend";
import { age, moment, span } from "../pure/format";
import { to } from "../pure/route";
import { useNow } from "../state/clock";
import { useValue } from "../state/observable";
import { overview } from "../state/overview";

export function ServerView() {
  const seen = useValue(overview);
  const now = useNow();
  const card = seen?.cards.find((one) => one.id === "server");
  const troubles = seen?.attention.filter((one) => one.view === "server") ?? [];
  return (
    <section class="view">
      <Head
        title="SPIRE Server"
        sub={
          card && (
            <span class="st">
              <StatusMark status={card.status} />
              {card.word}
            </span>
          )
        }
      >
        <a class="btn" href={to("authorities")}>
          Authorities
        </a>
      </Head>
      {!seen || !card ? (
        <Waiting what="the server" />
      ) : (
        <>
          {troubles.map((one) => (
            <p class="notice" role="alert">
              <StatusMark status={one.severity} small={false} />
              <span>
                <span class="m">{one.what}</span>: {one.why}
              </span>
            </p>
          ))}
          <Panel title="State" sub={seen.read_at ? `answered ${age(seen.read_at, now)}` : "has not answered yet"}>
            <div class="panel-b halves">
              <dl class="kv">
                <dt>trust domain</dt>
                <dd class="mono">{seen.trust_domain ?? "not known yet"}</dd>
                <dt>kind</dt>
                <dd>{seen.own ? "Finial" : "SPIRE"}</dd>
                <dt>position</dt>
                <dd class="mono-s break">{seen.position || <span class="na">not available: stock server does not report it</span>}</dd>
                <dt>clock</dt>
                <dd title={moment(seen.at)}>
                  {seen.skew === null ? <span class="na">not available: not measured yet</span> : `skew ${span(seen.skew)}`}
                </dd>
              </dl>
              <dl class="kv">
                <dt>calls</dt>
                <dd>
                  <Figure of={card.figure} />
                </dd>
                {card.lines.map(({ label, figure }) => (
                  <>
                    <dt>{label}</dt>
                    <dd>
                      <Figure of={figure} />
                    </dd>
                  </>
                ))}
              </dl>
            </div>
          </Panel>
          <div class="pair even">
            <TrendChart name="server.calls" title="Calls" unit="calls/s" />
            <TrendChart name="entries" title="Entries" unit="entries" />
          </div>
        </>
      )}
    </section>
  );
}
