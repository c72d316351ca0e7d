import { expect, it } from "vitest";
import { ManualTimer } from "../../test/unit/manual-timer.ts";
import { Ec2CallError } from "../ec2/error.ts";
import { trunksAllowedBy } from "./trunks-allowed.ts";

const wanted = { subnet: "subnet-1", groups: [], description: "", tags: {} };
const call = { signal: new AbortController().signal, priority: "waiting" } as const;
const refusal = new Ec2CallError(
  "invalid",
  "CreateNetworkInterface",
  "InvalidParameterValue",
  "Invalid value 'trunk' for InterfaceType",
);

it("asks once for all, and again after a while", async () => {
  const timer = new ManualTimer();
  const told: string[] = [];
  let answer: Ec2CallError | undefined = refusal;
  let asked = 0;
  const trunkRefusal = () => {
    asked += 1;
    return Promise.resolve(answer);
  };
  const allowed = trunksAllowedBy({ trunkRefusal }, timer, (isAllowed, why) =>
    told.push(`${isAllowed} ${why}`),
  );
  await expect(Promise.all([allowed(wanted, call), allowed(wanted, call)])).rejects.toBe(refusal);
  answer = undefined;
  await expect(allowed(wanted, call)).rejects.toBe(refusal);
  expect(asked).toBe(1);
  await timer.advance(300_000);
  await allowed(wanted, call);
  expect(asked).toBe(2);
  expect(told).toEqual([`false ${refusal.message}`, "true EC2 would make a trunk"]);
});

it("takes an answer that is lost for none", async () => {
  const lost = new Ec2CallError("retry", "CreateNetworkInterface", "ECONNRESET", "socket hang up");
  let fails = true;
  const trunkRefusal = () => (fails ? Promise.reject(lost) : Promise.resolve(undefined));
  const allowed = trunksAllowedBy({ trunkRefusal }, new ManualTimer(), () => undefined);
  await expect(allowed(wanted, call)).rejects.toBe(lost);
  fails = false;
  await allowed(wanted, call);
});
