import { uptime } from "node:os";
import type { Cache } from "../kubernetes/cache.ts";
import { keyOf } from "../kubernetes/metadata.ts";
import type { Pod, SecurityGroupPolicyObject } from "../kubernetes/objects.ts";
import { messageOf } from "../text/error-words.ts";
import type { AccountLabels } from "./account-labels.ts";
import { type KnownAttachments, vlanIdsOnNode } from "./attachments/known.ts";
import type { Reporter } from "./reporter.ts";
import { findEscaped } from "./sweep.ts";

interface Known {
  readonly pods: Pick<Cache<Pod>, "values">;
  readonly policies: Pick<Cache<SecurityGroupPolicyObject>, "values">;
  readonly attachments: Pick<KnownAttachments, "uidsOf">;
  readonly accounts: Pick<AccountLabels, "known" | "keep" | "read">;
}

/** Says which pods run without their branch: they started while nobody was asked. */
export class Sweeper {
  private readonly known: Known;
  private readonly reporter: Reporter;
  /** By UID, of pods that had their branch: when a container had been started last by then. */
  private startsWithBranch: ReadonlyMap<string, string | undefined> = new Map();
  /** UIDs of those that the log has. */
  private escaped: ReadonlySet<string> = new Set();
  /** Why the labels of ServiceAccounts cannot be read, as the log has it. */
  private problem = "";

  constructor(known: Known, reporter: Reporter) {
    this.known = known;
    this.reporter = reporter;
  }

  /** Pods that were found at the last look. */
  get count(): number {
    return this.escaped.size;
  }

  /** `again` is called when it is to look again, for what it could not know now. */
  check(again: () => void): void {
    const { pods, policies, attachments, accounts } = this.known;
    try {
      const all = [...pods.values()];
      accounts.keep(new Set(all.map(({ metadata }) => metadata.uid)));
      const attached = attachments.uidsOf(all);
      const before = this.startsWithBranch;
      this.startsWithBranch = new Map(
        all
          .filter(({ metadata: { uid } }) => attached.has(uid) || before.has(uid))
          .map(({ metadata: { uid }, startedAt }) => [uid, attached.has(uid) ? startedAt : before.get(uid)]),
      );
      const { escaped, unread } = findEscaped({
        pods: all,
        policies: policies.values(),
        attached,
        startsWithBranch: this.startsWithBranch,
        vlanIds: vlanIdsOnNode(),
        accountLabels: accounts.known,
        bootedAt: Date.now() - uptime() * 1000,
      });
      for (const { pod, why } of escaped) {
        const message = `it runs with the node's security groups instead of a branch of its own, though ${why}; delete it`;
        this.reporter.onPod(pod, { type: "Warning", reason: "PodUnprotected", message });
        if (this.escaped.has(pod.metadata.uid)) continue;
        this.reporter.log("error", `pod ${keyOf(pod.metadata)}: ${message}`);
      }
      this.escaped = new Set(escaped.map(({ pod }) => pod.metadata.uid));
      if (unread.length === 0) this.problem = "";
      accounts.read(unread, (problem) => {
        this.say(problem?.message ?? "");
        again();
      });
    } catch (error) {
      this.say(messageOf(error));
    }
  }

  private say(problem: string): void {
    if (problem !== "" && problem !== this.problem)
      this.reporter.log("warn", `whether pods run without their branch is not known: ${problem}`);
    this.problem = problem;
  }
}
