import { KubernetesError } from "../../src/kubernetes/error.ts";

/** The KubernetesError with which a promise is rejected; throws when it is not. */
export async function refused(promise: Promise<unknown>): Promise<KubernetesError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof KubernetesError) return error;
  throw new Error("not a KubernetesError", { cause: error });
}
