import { expect, it } from "vitest";
import { KubernetesClient } from "../kubernetes/client.ts";
import type { HttpAnswer, HttpRequest } from "../kubernetes/connection.ts";
import { canonical } from "./canonical.ts";
import { nodePort } from "./node-port.ts";

const signal = new AbortController().signal;
const branch = { id: "eni-b", vlanID: 1, warmFor: "shop" };
const condition = { type: "TrunkReady", status: "True", reason: "TrunkAttached", message: "it is" };
const status = canonical({ trunkInterface: { id: "eni-t", branches: [branch] }, conditions: [condition] });

/** An API server whose CRD has, or lacks, the field warmFor. */
function portOf({ prunes }: { readonly prunes: boolean }) {
  const send = async ({ method, body = "" }: HttpRequest): Promise<HttpAnswer> => {
    const steps = method === "PATCH" ? (JSON.parse(body) as readonly { path: string; value: unknown }[]) : [];
    const value = JSON.stringify(steps.find(({ path }) => path === "/status")?.value ?? {});
    const kept: unknown = JSON.parse(prunes ? value.replace(',"warmFor":"shop"', "") : value);
    const object = { metadata: { name: "n1", uid: "u" }, status: kept };
    return { status: 200, headers: {}, body: once(JSON.stringify(object)) };
  };
  return nodePort(new KubernetesClient({ send }), () => 0);
}

async function* once(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

it("a status that the API server keeps is written", async () => {
  const written = portOf({ prunes: false }).setCniStatus({ name: "n1", uid: "u" }, status, signal);
  await expect(written).resolves.toBeUndefined();
});

it("one that it keeps without a field is refused, so that it is not written again and again", async () => {
  const written = portOf({ prunes: true }).setCniStatus({ name: "n1", uid: "u" }, status, signal);
  await expect(written).rejects.toMatchObject({ name: "KubernetesError", kind: "invalid" });
});
