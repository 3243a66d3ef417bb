// Nobody is signed in: how one does, while the page goes on asking whether somebody is.

import { Command } from "../parts/notices";
import { Logo } from "../parts/icons";

export function SignedOut({ over }: { over: boolean }) {
  return (
    <div class={over ? "signed-out over-page" : "signed-out"} role="alert">
      <div class="panel">
        <Logo />
        <h1>Nobody is signed in</h1>
        <p class="f2">
          A link that works once signs you in. Make one on the console's machine and open it here; this page goes on by
          itself.
        </p>
        <Command text="finial console link" />
      </div>
    </div>
  );
}
