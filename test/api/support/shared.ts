import { inject } from "vitest";
import { ApiAccess } from "../../ground/kubernetes/access.ts";
import { eventually } from "../../ground/run.ts";

/**
 * The project's one API server, with a controller manager and our CRDs. Tests make namespaces of their own, and name what
 * belongs to none so that no other test has it. Who has to stop one starts one of their own.
 */
export const shared = new ApiAccess(inject("apiServer"));

/** Makes a namespace in which pods can be created, and gives its name. It goes with the server. */
export async function makeNamespace(prefix = "test"): Promise<string> {
  const { metadata } = await shared.admin.create("/api/v1/namespaces", {
    metadata: { generateName: `${prefix}-` },
  });
  const account = `/api/v1/namespaces/${metadata.name}/serviceaccounts/default`;
  await eventually(`the default service account of ${metadata.name}`, async () =>
    (await shared.admin.request("GET", account)).status === 200 ? true : undefined,
  );
  return metadata.name;
}
