import { expect, it } from "vitest";
import { PODS, type Pod } from "../kubernetes/objects.ts";
import type { EventText } from "../kubernetes/events.ts";
import { recordOf } from "../../test/unit/record.ts";
import { ManualTimer } from "../../test/unit/manual-timer.ts";
import type { NetworkPolicies } from "./answer/decide.ts";
import { UnenforcedPolicies } from "./unenforced.ts";

const podOf = (uid: string, phase = "Running") =>
  PODS.read({ metadata: { namespace: "shop", name: uid, uid }, status: { phase } });

/** Pods by name; `direct` have a record of that datapath, all others one of the routed. */
function setUp(pods: Pod[], direct: readonly string[], said: (pod: Pod) => NetworkPolicies) {
  const events: (EventText & { pod: string })[] = [];
  const listeners = new Set<() => void>();
  const listen = (listener: () => void) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  };
  const all = pods.map(({ metadata: { uid, name } }) =>
    recordOf({
      datapath: direct.includes(uid) ? "direct" : "routed",
      pod: { uid, namespace: "shop", name },
    }),
  );
  const timer = new ManualTimer();
  const watch = new UnenforcedPolicies({
    pods: { values: () => pods.values(), listen },
    policies: { listen },
    attachments: { all: () => all },
    networkPoliciesOf: said,
    reporter: {
      onPod: ({ metadata }, text) => events.push({ pod: metadata.name, ...text }),
      log: () => undefined,
    },
    timer,
  });
  return { watch, events, timer, change: () => listeners.forEach((listener) => listener()), listeners };
}

it("names direct pods that a policy selects, and no others", () => {
  const { watch, events } = setUp(
    [podOf("a"), podOf("b"), podOf("c"), podOf("done", "Succeeded")],
    ["a", "c", "done"],
    ({ metadata }) =>
      metadata.uid === "c" ? { enforced: "none" } : { enforced: "some", policy: "shop/deny" },
  );
  watch.check();
  expect(events).toMatchObject([{ pod: "a", type: "Warning", reason: "NetworkPolicyNotEnforced" }]);
  expect(events[0]?.message).toContain("NetworkPolicy shop/deny selects it");
  expect(watch.count).toBe(1);
});

it.each<NetworkPolicies>([{ enforced: "none" }, { enforced: "unknown" }, { enforced: "unseen" }])(
  "says nothing of what is not known: $enforced",
  (said) => {
    const { watch, events } = setUp([podOf("a")], ["a"], () => said);
    watch.check();
    expect(events).toEqual([]);
    expect(watch.count).toBe(0);
  },
);

it("looks at once and after each change, once a second at most, and listens no more when it ends", async () => {
  let looks = 0;
  const { watch, timer, change, listeners } = setUp([podOf("a")], ["a"], () => {
    looks += 1;
    return { enforced: "none" };
  });
  const stop = new AbortController();
  const running = watch.run(stop.signal);
  await timer.advance(10_000);
  expect(looks).toBe(1);
  for (let i = 0; i < 5; i++) change();
  await timer.advance(1_000);
  expect(looks).toBe(2);
  stop.abort();
  await running;
  expect(listeners.size).toBe(0);
});
