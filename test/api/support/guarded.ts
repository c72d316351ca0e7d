// An API server of a test's own with deploy/admission: what is bound there concerns every pod of it.
import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { parseAllDocuments } from "yaml";
import { startApiServer, type ApiServer } from "../../ground/api-server.ts";
import { ApiClient, type Answer, type KubernetesObject } from "../../ground/kubernetes/client.ts";
import { applyCrds } from "../../ground/kubernetes/crds.ts";
import { eventually } from "../../ground/run.ts";
import { placeOf } from "./chart.ts";

const DIRECTORY = path.resolve(import.meta.dirname, "../../../deploy/admission");

/** The objects of deploy/admission, by file. */
export function admissionObjects(file = "*.yaml"): readonly KubernetesObject[] {
  return globSync(file, { cwd: DIRECTORY })
    .toSorted()
    .flatMap((name) => parseAllDocuments(readFileSync(path.join(DIRECTORY, name), "utf8")))
    .map((document) => document.toJS() as KubernetesObject);
}

export function apply(client: ApiClient, object: KubernetesObject): Promise<KubernetesObject> {
  const query = "fieldManager=branchline-test&fieldValidation=Strict&force=true";
  return client.patch(`${placeOf(object)}?${query}`, "apply", object);
}

/** Without a controller manager: no pod needs a service account. With our CRDs, and the guards and policies of these files. */
export async function startGuarded(...files: readonly string[]): Promise<ApiServer> {
  const server = await startApiServer();
  try {
    await applyCrds(server.admin);
    for (const file of files) {
      for (const object of admissionObjects(file)) await apply(server.admin, object);
    }
    return server;
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** Policies act a moment after they are there: waits until an answer fits. */
export async function untilActs(
  what: string,
  ask: () => Promise<Answer>,
  fits: (answer: Answer) => boolean,
): Promise<void> {
  await eventually(what, async () => (fits(await ask()) ? true : undefined), 120_000);
}

/** Which ValidatingAdmissionPolicy has denied it, and its message. */
export function denialOf({ status, body }: Answer): { policy: string; message: string } | undefined {
  const { message = "" } = body as { message?: string };
  const found = /ValidatingAdmissionPolicy '([^']*)' with binding '[^']*' denied request: (.*)/s.exec(
    message,
  );
  if (found === null) return undefined;
  if (status !== 403) throw new Error(`denied with status ${status}: ${message}`);
  return { policy: found[1] ?? "", message: found[2] ?? "" };
}
