import { expect, it } from "vitest";
import { KubernetesError } from "../kubernetes/error.ts";
import type { KubernetesClient, ObjectName } from "../kubernetes/client.ts";
import type { Resource } from "../kubernetes/resource.ts";
import { PODS, type Pod } from "../kubernetes/objects.ts";
import { AccountLabels } from "./account-labels.ts";

const podOf = (uid: string, account: string): Pod =>
  PODS.read({ metadata: { namespace: "shop", name: uid, uid }, spec: { serviceAccountName: account } });

/** A client that has these accounts, or fails; and what it was asked for. */
class Accounts implements Pick<KubernetesClient, "get"> {
  readonly asked: string[] = [];
  labels: Readonly<Record<string, Readonly<Record<string, string>>>> = {};
  fault: KubernetesError | undefined;

  async get<T>({ read }: Resource<T>, { namespace, name }: ObjectName): Promise<T> {
    this.asked.push(name);
    if (this.fault !== undefined) throw this.fault;
    const labels = this.labels[name];
    if (labels === undefined) throw new KubernetesError("missing", "GET", "not found");
    return read({ metadata: { namespace, name, labels } });
  }
}

const timer = { now: () => 0, sleep: () => Promise.resolve() };
const ending = new AbortController();

const read = (labels: AccountLabels, pods: readonly Pod[]) =>
  new Promise<KubernetesError | undefined>((resolve) => labels.read(pods, resolve));

it("reads a ServiceAccount once for all its pods, and keeps what it had then", async () => {
  const accounts = new Accounts();
  accounts.labels = { a: { team: "till" }, b: {} };
  const labels = new AccountLabels(accounts, timer, ending.signal);
  const pods = [podOf("u1", "a"), podOf("u2", "a"), podOf("u3", "b"), podOf("u4", "none")];
  expect(await read(labels, pods)).toBeUndefined();
  expect(accounts.asked).toEqual(["a", "b", "none"]);
  accounts.labels = { a: { team: "other" } };
  const seen = [...labels.known].map(([uid, its]) => [uid, its === undefined ? its : { ...its }]);
  expect(seen).toEqual([
    ["u1", { team: "till" }],
    ["u2", { team: "till" }],
    ["u3", {}],
    ["u4", undefined],
  ]);
  labels.keep(new Set(["u3", "u5"]));
  expect([...labels.known.keys()]).toEqual(["u3"]);
});

it("says why it failed, and reads again when it is asked to", async () => {
  const accounts = new Accounts();
  const labels = new AccountLabels(accounts, timer, ending.signal);
  accounts.fault = new KubernetesError("retry", "GET", "connect ECONNREFUSED");
  expect(await read(labels, [podOf("u1", "a")])).toBe(accounts.fault);
  expect(labels.known.size).toBe(0);
  accounts.fault = undefined;
  accounts.labels = { a: { team: "till" } };
  expect(await read(labels, [podOf("u1", "a")])).toBeUndefined();
  expect({ ...labels.known.get("u1") }).toEqual({ team: "till" });
});

it("one reading at a time, none for no pods, and silence once it is ended", async () => {
  const accounts = new Accounts();
  accounts.labels = { a: {}, b: {} };
  const end = new AbortController();
  const labels = new AccountLabels(accounts, timer, end.signal);
  const calls: string[] = [];
  labels.read([], () => calls.push("none"));
  const first = new Promise<void>((resolve) => labels.read([podOf("u1", "a")], () => resolve()));
  labels.read([podOf("u2", "b")], () => calls.push("second"));
  await first;
  expect([...labels.known.keys()]).toEqual(["u1"]);
  labels.read([podOf("u2", "b")], () => calls.push("ended"));
  end.abort();
  await new Promise((resolve) => setImmediate(resolve));
  expect(labels.known.has("u2")).toBe(true);
  expect(calls).toEqual([]);
});
