import { expect, it } from "vitest";
import { ManualTimer, settle } from "../../test/unit/manual-timer.ts";
import { Budgets } from "./budget.ts";
import { Ec2Port } from "./port.ts";

it("a call that has waited for its token is not made when its controller may not lead any more", async () => {
  const timer = new ManualTimer();
  const sent: string[] = [];
  const port = new Ec2Port({
    budgets: new Budgets(timer, { DeleteNetworkInterface: [1, 1] }),
    region: "us-east-1",
    // Nobody listens.
    endpoint: "http://127.0.0.1:9",
    credentials: { accessKeyId: "a", secretAccessKey: "b" },
    ended: ({ action }) => sent.push(action),
  });
  let leads = true;
  const call = {
    signal: new AbortController().signal,
    priority: "releasing",
    mayBegin: () => leads,
  } as const;
  const [first, second] = ["eni-1", "eni-2"].map((id) =>
    port.deleteInterface(id, call).catch((error: unknown) => String(error)),
  );
  expect(await first).toContain("ECONNREFUSED");
  await settle();
  // As after a machine that stood still: the token is there before the Lease is known to be lost.
  leads = false;
  await timer.advance(60_000);
  expect(await second).toContain("NotSent");
  expect(sent).toEqual(["DeleteNetworkInterface"]);
  port.close();
});
