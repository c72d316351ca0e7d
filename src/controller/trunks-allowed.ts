import type { CallOptions, Ec2Port } from "../ec2/port.ts";
import type { NewInterface } from "../ec2/types.ts";
import type { Timer } from "../sys/timer.ts";

/** An account becomes enabled by a support case, a role by a new policy: neither is hurried. */
const KEPT_MS = 300_000;

/**
 * Whether the account may make trunks, by a dry run before the first one: EC2 lets few accounts outside EKS. The answer is
 * kept for a while, and told when it changes.
 */
export function trunksAllowedBy(
  port: Pick<Ec2Port, "trunkRefusal">,
  timer: Timer,
  tell: (isAllowed: boolean, why: string) => void,
) {
  let last: { readonly at: number; readonly refusal: ReturnType<typeof port.trunkRefusal> } | undefined;
  return async (wanted: Omit<NewInterface, "token">, call: CallOptions): Promise<void> => {
    const now = timer.now();
    if (last === undefined || now - last.at >= KEPT_MS) {
      const asked = { at: now, refusal: port.trunkRefusal(wanted, call) };
      last = asked;
      asked.refusal.then(
        (refusal) => tell(refusal === undefined, refusal?.message ?? "EC2 would make a trunk"),
        // No verdict: the next one asks again.
        () => {
          if (last === asked) last = undefined;
        },
      );
    }
    const refusal = await last.refusal;
    if (refusal !== undefined) throw refusal;
  };
}
