import { connect } from "node:net";
import path from "node:path";
import { text } from "node:stream/consumers";

export interface Answer {
  readonly answer: string;
  readonly reason?: string;
  readonly annotation?: string;
}

/** Asks an agent for a pod's branch as the plugin does, over the socket in its state directory. */
export async function askForBranch(
  stateDirectory: string,
  pod: { readonly namespace: string; readonly name: string; readonly uid: string },
  timeoutMs: number,
): Promise<Answer> {
  const client = connect(path.join(stateDirectory, "agent.sock"));
  const question = {
    version: 1,
    ask: "branch",
    pod,
    containerId: pod.name,
    interface: "eth0",
    annotation: null,
    datapath: "direct",
    timeoutMs,
  };
  client.write(`${JSON.stringify(question)}\n`);
  return JSON.parse(await text(client)) as Answer;
}
