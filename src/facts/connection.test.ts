import { expect, it } from "vitest";
import { aPod, aPodWithout, settings } from "../../test/unit/explained.ts";
import { type Fact, known, unknown } from "./fact.ts";
import type { NetworkPolicyFact } from "./network-policies.ts";
import type { PluginSettings } from "./plugin-settings.ts";
import { connectionOf } from "./connection.ts";
import type { Enforcement } from "./enforcement.ts";

const DENIED = unknown({ what: "x", reason: "denied", message: "no", permission: "list x" });
const STANDARD = { by: "kube-router", hasOwnKinds: false };
const OWN = { by: "calico-node", hasOwnKinds: true };

function policy(app: string, namespace = "shop"): NetworkPolicyFact {
  const podSelector = { matchLabels: { app } };
  return { namespace, name: `np-${app}`, podSelector, types: ["Ingress"], ingress: [], egress: [] };
}

interface Given {
  readonly pod?: ReturnType<typeof aPod>;
  readonly said?: Fact<PluginSettings | undefined>;
  readonly enforced?: Fact<Enforcement | undefined>;
  readonly policies?: Fact<readonly NetworkPolicyFact[]>;
}

const connection = ({ pod = aPod(), said, enforced, policies }: Given) =>
  connectionOf(pod, said ?? known(settings()), enforced ?? known(undefined), policies ?? known([]));

const auto = known(settings({ datapath: "auto" }));

it.each<[string, Given, readonly string[]]>([
  ["without a branch", { pod: aPodWithout() }, ["none"]],
  ["direct", {}, ["direct"]],
  ["routed", { said: known(settings({ datapath: "routed" })) }, ["routed strict"]],
  ["standard", { said: known(settings({ datapath: "routed", mode: "standard" })) }, ["routed standard"]],
  [
    "by its own annotation",
    { pod: aPod({ wantedDatapath: "routed" }), said: known(settings({ mayOverride: true })) },
    ["routed strict"],
  ],
  ["by an annotation that does not count", { pod: aPod({ wantedDatapath: "routed" }) }, ["direct"]],
  [
    "by an annotation of no sense",
    { pod: aPod({ wantedDatapath: "odd" }), said: known(settings({ mayOverride: true })) },
    ["direct"],
  ],
  ["when nothing says", { said: known(undefined) }, ["direct", "routed strict", "routed standard"]],
  ["when it may not be read", { said: DENIED }, ["direct", "routed strict", "routed standard"]],
  ["auto, nothing enforces", { said: auto }, ["direct"]],
  [
    "auto, no policy selects",
    { said: auto, enforced: known(STANDARD), policies: known([policy("db")]) },
    ["direct"],
  ],
  [
    "auto, of another namespace",
    { said: auto, enforced: known(STANDARD), policies: known([policy("web", "data")]) },
    ["direct"],
  ],
  [
    "auto, a policy selects",
    { said: auto, enforced: known(STANDARD), policies: known([policy("web")]) },
    ["routed strict"],
  ],
  ["auto, kinds that nobody reads", { said: auto, enforced: known(OWN) }, ["routed strict"]],
  ["auto, what enforces is not known", { said: auto, enforced: DENIED }, ["direct", "routed strict"]],
  [
    "auto, policies may not be read",
    { said: auto, enforced: known(STANDARD), policies: DENIED },
    ["direct", "routed strict"],
  ],
])("%s", (_what, given, attachments) => expect(connection(given).attachments).toEqual(attachments));

it("says what says so", () => {
  expect(connection({}).because).toBe("ConfigMap kube-system/branchline-agent");
  expect(connection({ said: DENIED }).because).toBe("x not read: no permission for list x");
  expect(connection({ said: auto, enforced: known(OWN) }).because).toBe(
    "auto in ConfigMap kube-system/branchline-agent, as calico-node enforces NetworkPolicies",
  );
});
