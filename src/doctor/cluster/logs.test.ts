import { expect, it } from "vitest";
import { CONTROLLER, aPod, anAgent } from "../../../test/unit/doctor.ts";
import { loggedPods } from "./logs.ts";

it("controllers first, then agents that are not ready, and not too many", () => {
  const many = Array.from({ length: 12 }, (_, i) => anAgent(`n${i}`));
  const pods = [
    aPod("web"),
    ...many,
    anAgent("bad", { isReady: false }),
    anAgent("ended", { phase: "Failed", isReady: false }),
    aPod("controller-0", { labels: CONTROLLER }),
  ];
  const names = loggedPods(pods).map(({ name }) => name);
  expect(names.slice(0, 3)).toEqual(["controller-0", "agent-bad", "agent-n0"]);
  expect(names).toHaveLength(10);
});
