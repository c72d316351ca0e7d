import type { Cache } from "../kubernetes/cache.ts";
import { type EventText, Recorder } from "../kubernetes/events.ts";
import type { Node, Pod } from "../kubernetes/objects.ts";
import type { AgentOptions } from "./options.ts";

/** What the agent tells: lines in its log, events on pods and on its node. */
export class Reporter {
  readonly log: AgentOptions["log"];
  private readonly recorder: Recorder;
  private readonly nodeName: string;
  private readonly nodes: Pick<Cache<Node>, "get">;

  /** `nodes`: an event on the node needs its UID. */
  constructor(options: AgentOptions, nodes: Pick<Cache<Node>, "get">, signal: AbortSignal) {
    const { client, nodeName, timer, wallClock, log } = options;
    this.log = log;
    this.nodeName = nodeName;
    this.nodes = nodes;
    this.recorder = new Recorder({
      client,
      component: "branchline-agent",
      instance: nodeName,
      timer,
      wallClock,
      warn: (message) => log("warn", message),
      signal,
    });
  }

  onPod({ metadata }: Pick<Pod, "metadata">, text: EventText): void {
    this.recorder.say({ apiVersion: "v1", kind: "Pod", metadata }, text);
  }

  /** Nothing until the API server has said what the node's UID is. */
  onNode(text: EventText): void {
    const node = this.nodes.get(this.nodeName);
    if (node !== undefined)
      this.recorder.say({ apiVersion: "v1", kind: "Node", metadata: node.metadata }, text);
  }
}
