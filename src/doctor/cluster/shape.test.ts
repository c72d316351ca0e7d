import { expect, it } from "vitest";
import { modeIn } from "../../facts/kube-proxy.ts";
import { daemonSetOf, entryIn } from "./shape.ts";

it.each([
  ["EKS's", { config: 'kind: KubeProxyConfiguration\nmode: "ipvs"\nipvs:\n  scheduler: rr\n' }, "ipvs"],
  ["kubeadm's, with the default", { "config.conf": 'mode: ""\n' }, ""],
  ["without it", { config: "kind: KubeProxyConfiguration\n" }, ""],
  ["nested in something else", { config: "x:\n  mode: ipvs\n" }, ""],
])("kube-proxy's mode: %s", (_, data, mode) => {
  expect(modeIn(data)).toBe(mode);
});

it("keeps only variables that are known", () => {
  const workload = {
    kind: "DaemonSet",
    namespace: "kube-system",
    name: "aws-node",
    labels: {},
    serviceAccount: "aws-node",
    usesHostNetwork: true,
    containers: [
      { name: "a", image: "i", args: ["--token=x"], env: { MAX_ENI: "2", DB_PASSWORD: "hunter2" } },
    ],
    desired: 1,
    updated: 1,
    ready: 1,
  } as const;
  const kept = daemonSetOf(workload);
  expect(kept.env).toEqual({ MAX_ENI: "2" });
  expect(JSON.stringify(kept)).not.toContain("token");
});

it("reads the entry, or says that there is none", () => {
  expect(entryIn("a/b", { "entry.json": '{"datapath":"auto"}' })).toEqual({
    from: "a/b",
    entry: { datapath: "auto" },
  });
  expect(entryIn("a/b", { "entry.json": "{" })).toBeUndefined();
  expect(entryIn("a/b", {})).toBeUndefined();
});
