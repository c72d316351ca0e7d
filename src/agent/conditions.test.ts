import { expect, it } from "vitest";
import { Conditions } from "./conditions.ts";

it("is ready once all that is needed is true, and tells of each change once", () => {
  const told: string[] = [];
  const conditions = new Conditions((name, { isTrue, why }) => told.push(`${name} ${isTrue} ${why}`));
  expect(conditions.isReady).toBe(false);
  for (const name of ["ExecutableInstalled", "CachesComplete", "SocketAnswers"] as const) {
    conditions.set(name, true, "");
  }
  conditions.set("ListFirst", false, "there is none");
  conditions.set("ListFirst", false, "there is none");
  expect(conditions.isReady).toBe(false);
  conditions.set("ListFirst", true, "/etc/x");
  expect(conditions.isReady).toBe(true);
  expect(told.slice(-2)).toEqual(["ListFirst false there is none", "ListFirst true /etc/x"]);
  expect(told).toHaveLength(5);
  expect(conditions.report()).toBe(
    "[+]ExecutableInstalled\n[+]CachesComplete\n[+]SocketAnswers\n[+]ListFirst: /etc/x\n[-]FeatureDeclared: not yet looked at\n[-]TrunkFound: not yet looked at\n[-]NamespacesVisible: not yet looked at\n",
  );
});
