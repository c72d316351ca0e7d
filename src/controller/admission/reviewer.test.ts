import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { ManualTimer } from "../../../test/unit/manual-timer.ts";
import { ObjectApi } from "../../../test/unit/object-api.ts";
import { Cache } from "../../kubernetes/cache.ts";
import { KubernetesClient } from "../../kubernetes/client.ts";
import { SECURITY_GROUP_POLICIES, SERVICE_ACCOUNTS } from "../../kubernetes/objects.ts";
import { ReviewError } from "./review.ts";
import { NotReadyError, Reviewer } from "./reviewer.ts";

const POLICIES = "/apis/vpcresources.k8s.aws/v1beta1/securitygrouppolicies";
const ACCOUNT = "/api/v1/namespaces/shop/serviceaccounts/cashier";
const signal = new AbortController().signal;

let api: ObjectApi;
let warned: string[];

beforeEach(() => {
  api = new ObjectApi();
  warned = [];
});

const securityGroups = { groupIds: ["sg-1"] };

function putPolicy(name: string, spec: object, namespace = "shop"): void {
  api.put(`${POLICIES}/${namespace}-${name}`, {
    metadata: { namespace, name },
    spec: { ...spec, securityGroups },
  });
}

/** With caches of what is there by now. */
async function reviewer({ runs = true } = {}): Promise<Reviewer> {
  const client = new KubernetesClient(api);
  const options = { client, scope: {}, timer: new ManualTimer(), random: () => 0, warn: () => undefined };
  const policies = new Cache({ ...options, resource: SECURITY_GROUP_POLICIES });
  const serviceAccounts = new Cache({ ...options, resource: SERVICE_ACCOUNTS });
  if (runs) {
    const stop = new AbortController();
    const running = [policies.run(stop.signal), serviceAccounts.run(stop.signal)];
    onTestFinished(async () => {
      stop.abort(new Error("over"));
      await Promise.all(running);
    });
    await Promise.all([policies.whenComplete(signal), serviceAccounts.whenComplete(signal)]);
  }
  api.requests.length = 0;
  return new Reviewer({ client, policies, serviceAccounts, warn: (message) => void warned.push(message) });
}

const review = (labels: object = {}) =>
  JSON.stringify({
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    request: {
      uid: "u",
      namespace: "shop",
      kind: { group: "", version: "v1", kind: "Pod" },
      operation: "CREATE",
      object: {
        metadata: { name: "pod", labels },
        spec: { serviceAccountName: "cashier", containers: [{ name: "c", resources: {} }] },
      },
    },
  });

interface Answered {
  readonly response: {
    readonly allowed: boolean;
    readonly patch?: string;
    readonly warnings?: readonly string[];
  };
}

async function answer(by: Reviewer, labels: object = {}) {
  const { kind, text } = await by.answer(review(labels), signal);
  const { response } = JSON.parse(text) as Answered;
  expect(response.allowed).toBe(true);
  expect(response.patch !== undefined).toBe(kind === "asks");
  return { kind, warnings: response.warnings ?? [] };
}

const byAccount = { serviceAccountSelector: { matchLabels: { team: "till" } } };

describe("the reviewer", () => {
  it("goes by the policies of the pod's namespace, and reads no ServiceAccount that does not count", async () => {
    putPolicy("web", { podSelector: { matchLabels: { app: "web" } } });
    putPolicy("all", { podSelector: {} }, "elsewhere");
    putPolicy("by-account", byAccount, "elsewhere");
    const one = await reviewer();
    expect(await answer(one, { app: "web" })).toEqual({ kind: "asks", warnings: [] });
    expect(await answer(one)).toEqual({ kind: "unchanged", warnings: [] });
    expect(api.requests).toEqual([]);
  });

  it.each<[string, object, string]>([
    ["that selects", { team: "till" }, "asks"],
    ["that does not", { team: "desk" }, "unchanged"],
  ])("takes the labels of a ServiceAccount from the cache: one %s", async (_what, labels, kind) => {
    putPolicy("by-account", byAccount);
    api.put(`/api/v1/serviceaccounts/shop-cashier`, {
      metadata: { namespace: "shop", name: "cashier", labels },
    });
    expect(await answer(await reviewer())).toEqual({ kind, warnings: [] });
    expect(api.requests).toEqual([]);
  });

  it("reads one that the cache lacks", async () => {
    putPolicy("by-account", byAccount);
    const one = await reviewer();
    api.put(ACCOUNT, { metadata: { namespace: "shop", labels: { team: "till" } } });
    expect(await answer(one)).toEqual({ kind: "asks", warnings: [] });
    expect(api.requests).toEqual([`GET ${ACCOUNT}`]);
  });

  it("leaves the pod as it is, with a warning, when it cannot be read", async () => {
    putPolicy("by-account", byAccount);
    const one = await reviewer();
    const { kind, warnings } = await answer(one);
    expect(kind).toBe("undecided");
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/^branchline: SecurityGroupPolicy shop\/by-account may select this pod: /);
    expect(warned[0]).toMatch(/^the labels of ServiceAccount shop\/cashier cannot be read: .*not found/);
  });

  it("gives no answer before the policies are known, nor to what is no review", async () => {
    putPolicy("web", { podSelector: {} });
    const early = await reviewer({ runs: false });
    await expect(early.answer(review(), signal)).rejects.toThrow(NotReadyError);
    await expect(early.answer("{}", signal)).rejects.toThrow(ReviewError);
  });
});
