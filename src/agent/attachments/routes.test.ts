import { expect, it } from "vitest";
import { useScratch } from "../../../test/unit/scratch.ts";
import { ManualTimer } from "../../../test/unit/manual-timer.ts";
import { recordOf } from "../../../test/unit/record.ts";
import type { Heard } from "../../netlink/route/link-monitor.ts";
import { AttachmentStore } from "../../state/store.ts";
import { systemClock } from "../../sys/clock.ts";
import { type Known, KnownAttachments } from "./known.ts";
import { RouteKeeper } from "./routes.ts";

const scratch = useScratch();
const quiet: Heard = { cameUp: new Set(), isIncomplete: false };

/** A keeper on a node whose records are all of namespaces that are gone; `hears` are what its monitors hear in turn. */
function setUp(hears: Heard[], openMonitor = () => undefined as void) {
  const store = new AttachmentStore(scratch.path, systemClock);
  store.write(recordOf());
  const known = new KnownAttachments(store);
  let [opened, listed] = [0, 0];
  const lines: string[] = [];
  const timer = new ManualTimer();
  const keeper = new RouteKeeper({
    node: { store, clock: systemClock },
    attachments: {
      all: (): readonly Known[] => {
        listed += 1;
        return known.all();
      },
    },
    openMonitor: () => {
      opened += 1;
      openMonitor();
      return { heard: () => hears.shift() ?? quiet, [Symbol.dispose]: () => undefined };
    },
    checkHome: () => undefined,
    timer,
    log: (_level, message) => void lines.push(message),
  });
  const stop = new AbortController();
  const running = keeper.run(stop.signal);
  const end = async () => {
    stop.abort(new Error("over"));
    await running;
  };
  return { timer, end, lines, counts: () => ({ opened, listed }) };
}

it("looks at all pods at the start, and at a trunk's when that comes up", async () => {
  const { timer, end, counts } = setUp([quiet, { cameUp: new Set([3]), isIncomplete: false }]);
  await timer.advance(100);
  expect(counts()).toEqual({ opened: 1, listed: 1 });
  await timer.advance(10_000);
  expect(counts()).toEqual({ opened: 1, listed: 2 });
  await end();
});

it("opens a new monitor, and looks at all pods, when something was lost", async () => {
  const { timer, end, counts } = setUp([{ cameUp: new Set(), isIncomplete: true }]);
  await timer.advance(10_000);
  expect(counts()).toEqual({ opened: 2, listed: 2 });
  await end();
});

it("says that it hears nothing, and tries again after half a minute", async () => {
  const { timer, end, lines, counts } = setUp([], () => {
    throw new Error("EPERM");
  });
  await timer.advance(29_999);
  expect(counts()).toEqual({ opened: 1, listed: 0 });
  await timer.advance(1);
  expect(counts()).toEqual({ opened: 2, listed: 0 });
  expect(lines[0]).toBe("what happens to the trunk is not noticed: EPERM");
  await end();
});
