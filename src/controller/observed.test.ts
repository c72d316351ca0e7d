import { expect, it } from "vitest";
import { ManualTimer, settle } from "../../test/unit/manual-timer.ts";
import { ObjectApi } from "../../test/unit/object-api.ts";
import { KubernetesClient } from "../kubernetes/client.ts";
import { Observed } from "./observed.ts";

const INSTANCE = "i-0123456789abcdef0";

it("an instance that has come again under another name is its newer Node, in whichever order they are listed", async () => {
  const api = new ObjectApi();
  for (const [name, minute] of [
    ["newer", 2],
    ["older", 1],
  ] as const) {
    api.put(`/api/v1/nodes/${name}`, {
      metadata: { uid: `uid-of-${name}`, creationTimestamp: `2026-11-01T00:0${minute}:00Z` },
      spec: { providerID: `aws:///us-east-1a/${INSTANCE}` },
    });
  }
  const client = new KubernetesClient(api);
  const changed: string[] = [];
  const cache = { client, timer: new ManualTimer(), random: () => 0, warn: () => undefined };
  const observed = new Observed(cache, (instance) => changed.push(instance));
  const stop = new AbortController();
  const running = observed.nodes.run(stop.signal);
  await settle();
  expect(observed.factsOf(INSTANCE).node?.name).toBe("newer");
  expect([[...observed.instanceIds()], changed]).toEqual([[INSTANCE], [INSTANCE, INSTANCE]]);
  stop.abort(new Error("over"));
  await running;
});
