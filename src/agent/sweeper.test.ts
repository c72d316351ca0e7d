import { beforeEach, expect, it } from "vitest";
import { recordOf } from "../../test/unit/record.ts";
import { useScratch } from "../../test/unit/scratch.ts";
import { PODS } from "../kubernetes/objects.ts";
import type { PodIdentity } from "../state/record.ts";
import { AttachmentStore } from "../state/store.ts";
import { systemClock } from "../sys/clock.ts";
import { KnownAttachments } from "./attachments/known.ts";
import type { Reporter } from "./reporter.ts";
import { Sweeper } from "./sweeper.ts";

const scratch = useScratch();

interface Is {
  readonly uid?: string;
  /** Seconds after the test's node was started, when a container was. */
  readonly started?: number;
  readonly deleted?: boolean;
  /** Its manifest's hash, of a static pod. */
  readonly hash?: string;
}

const now = Date.now();
const at = (seconds: number) => `${new Date(now + seconds * 1000).toISOString().slice(0, 19)}Z`;

/** It asks for a branch, and runs. */
const podOf = ({ uid = "u1", started = 10, deleted = false, hash }: Is = {}) =>
  PODS.read({
    metadata: {
      namespace: "shop",
      name: "web-0",
      uid,
      ...(deleted && { deletionTimestamp: at(20) }),
      ...(hash !== undefined && { annotations: { "kubernetes.io/config.hash": hash } }),
    },
    spec: { containers: [{ resources: { limits: { "vpc.amazonaws.com/pod-eni": "1" } } }] },
    status: { phase: "Running", containerStatuses: [{ state: { running: { startedAt: at(started) } } }] },
  });

let store: AttachmentStore;
let pods: ReturnType<typeof podOf>[];
let told: string[];
let sweeper: Sweeper;

beforeEach(() => {
  store = new AttachmentStore(`${scratch.path}/state`, systemClock);
  told = [];
  const reporter: Pick<Reporter, "onPod" | "log"> = {
    onPod: ({ metadata }, { reason }) => told.push(`${metadata.name} ${reason}`),
    log: () => undefined,
  };
  sweeper = new Sweeper(
    {
      pods: { values: () => pods.values() },
      policies: { values: () => [].values() },
      attachments: new KnownAttachments(store),
      accounts: { known: new Map(), keep: () => undefined, read: () => undefined },
    },
    reporter as Reporter,
  );
});

const recordFor = (pod: PodIdentity) => recordOf({ containerId: "c1", vlanId: 7, pod });
const web = { namespace: "shop", name: "web-0" };
const sweep = (...seen: ReturnType<typeof podOf>[]) => {
  pods = seen;
  told = [];
  sweeper.check(() => undefined);
  return told;
};

it("a pod without a record is told of", () => {
  expect(sweep(podOf())).toEqual(["web-0 PodUnprotected"]);
  expect(sweeper.count).toBe(1);
});

it.each<[string, PodIdentity, Is]>([
  ["of the pod's UID", { ...web, uid: "u1" }, {}],
  ["of a static pod, whose mirror has another UID", { ...web, uid: "hash" }, { uid: "mirror", hash: "hash" }],
  ["of a runtime that gives no UID", web, {}],
])("a record %s is the pod's", (_whose, identity, is) => {
  store.write(recordFor(identity));
  expect(sweep(podOf(is))).toEqual([]);
});

it("a record of another pod is not", () => {
  store.write(recordFor({ ...web, uid: "u0" }));
  expect(sweep(podOf())).toEqual(["web-0 PodUnprotected"]);
});

it.each<[string, Is]>([
  ["its sandbox is being made anew", {}],
  ["it is ending", { deleted: true }],
])(
  "a pod that had its branch when its container was started, and has none while %s, is not told of",
  (_why, is) => {
    const record = recordFor({ ...web, uid: "u1" });
    store.write(record);
    expect(sweep(podOf())).toEqual([]);
    store.remove(record);
    expect(sweep(podOf(is))).toEqual([]);
    // And the same at the next look.
    expect(sweep(podOf(is))).toEqual([]);
  },
);

it("one whose container was started again without its branch is", () => {
  const record = recordFor({ ...web, uid: "u1" });
  store.write(record);
  expect(sweep(podOf())).toEqual([]);
  store.remove(record);
  expect(sweep(podOf({ started: 30 }))).toEqual(["web-0 PodUnprotected"]);
});

it("nor does an earlier pod of the name vouch for one", () => {
  const record = recordFor({ ...web, uid: "u0" });
  store.write(record);
  expect(sweep(podOf({ uid: "u0" }))).toEqual([]);
  store.remove(record);
  expect(sweep(podOf())).toEqual(["web-0 PodUnprotected"]);
});
