import { expect, test } from "vitest";

import { commandOf, line, shell } from "../src/pure/commands";
import { parse } from "../src/pure/route";

function command(hash: string): string {
  return commandOf(parse(hash), "example.org");
}

test("a view is told as the command that shows the same", () => {
  expect(command("#/agents?q=state:banned+method:x509pop")).toBe("finial agent list -attestationType x509pop -banned true");
  expect(command("#/identities/ns/web")).toBe("finial entry show -spiffeID spiffe://example.org/ns/web");
  expect(command("#/identities?q=selector:unix:uid:1000")).toBe("finial entry show -selector unix:uid:1000");
  expect(command("#/authorities/jwt")).toBe("finial localauthority jwt show");
  expect(command("#/explain?pid=42&agent=x")).toBe("finial explain -pid 42");
  expect(command("#/explain?selectors=unix:uid:1+unix:gid:2")).toBe("finial explain -selector unix:uid:1 -selector unix:gid:2");
});

test("what somebody chose as a name is no more than a word to a shell", () => {
  expect(shell("a'; rm -rf ~")).toBe(`'a'\\''; rm -rf ~'`);
  expect(line("finial agent ban", ["-spiffeID", "$(id)"])).toBe("finial agent ban -spiffeID '$(id)'");
});
