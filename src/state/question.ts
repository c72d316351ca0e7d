import { type DatapathName, isDatapath } from "../datapath/datapath.ts";
import { quote } from "../text/json.ts";
import { fieldsIn, readFields } from "./exchange.ts";

/** The plugin's questions, as the agent reads them. Other keys are ignored: a newer plugin may add some. */

export interface AskedPodName {
  readonly namespace: string;
  readonly name: string;
  /** Empty when the runtime did not pass it. */
  readonly uid: string;
}

export type Question =
  | {
      readonly ask: "branch";
      readonly pod: AskedPodName;
      /** What the runtime passed; null for none. */
      readonly annotation: string | null;
      readonly datapath: DatapathName | "auto";
      /** How long the plugin waits for the answer. */
      readonly timeoutMs: number;
    }
  | { readonly ask: "gone"; readonly pod: AskedPodName };

/** The line is no question that we know. The message quotes it. */
export class QuestionError extends Error {
  override name = "QuestionError";
}

/** The plugin's own bound on `branchTimeout` is 100 s. */
const MAX_TIMEOUT_MS = 110_000;

/** Throws QuestionError. */
export function readQuestion(line: string): Question {
  const fields = readFields(line, (defect, cause) => reject(line, defect, cause));
  const { version, ask, annotation, datapath, timeoutMs } = fields;
  if (version !== 1) return reject(line, "version is not 1");
  const pod = readPod(line, fields["pod"]);
  if (ask === "gone") {
    // Without it the answer could be about a later pod of the same name.
    return pod.uid === "" ? reject(line, "pod.uid is empty") : { ask, pod };
  }
  if (ask !== "branch") return reject(line, 'ask is neither "branch" nor "gone"');
  if (annotation !== null && typeof annotation !== "string") {
    return reject(line, "annotation is neither a string nor null");
  }
  if (datapath !== "auto" && !isDatapath(datapath)) return reject(line, "datapath is not known");
  if (typeof timeoutMs !== "number" || !(timeoutMs > 0)) return reject(line, "timeoutMs is not above 0");
  return { ask, pod, annotation, datapath, timeoutMs: Math.min(timeoutMs, MAX_TIMEOUT_MS) };
}

function readPod(line: string, value: unknown): AskedPodName {
  const pod = fieldsIn(value) ?? reject(line, "pod is not an object");
  const { namespace, name, uid } = pod;
  if (typeof namespace !== "string" || namespace === "") return reject(line, "pod.namespace is empty");
  if (typeof name !== "string" || name === "") return reject(line, "pod.name is empty");
  if (typeof uid !== "string") return reject(line, "pod.uid is not a string");
  return { namespace, name, uid };
}

function reject(line: string, defect: string, cause?: unknown): never {
  throw new QuestionError(`the question ${quote(line)} is invalid: ${defect}`, { cause });
}
