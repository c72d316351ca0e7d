// One API server for the whole project: it takes 5 s to start, and 440 MB with the controller manager.
import type { TestProject } from "vitest/node";
import { startApiServer } from "../../ground/api-server.ts";
import { applyCrds } from "../../ground/kubernetes/crds.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Its directory. */
    apiServer: string;
  }
}

/** Starts it before the first test file, with our CRDs, and stops it after the last one. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startApiServer({ controllerManager: true });
  try {
    await applyCrds(server.admin);
  } catch (error) {
    await server.stop();
    throw error;
  }
  project.provide("apiServer", server.directory);
  return () => server.stop();
}
