// What the controller takes, with a real API server and the simulated EC2 beside it, whose buckets are EC2's: controller.ts
// DIST [SHARE]. Prints JSON. SHARE, up to 1, makes the largest cluster smaller, for a busy machine.
import { burst } from "./controller/burst.ts";
import { warm } from "./controller/warm.ts";
import { large } from "./controller/large.ts";
import type { ControllerFigures } from "./results.ts";

const share = Number(process.argv[3] ?? "1");
const part = (count: number) => Math.round(count * share);

const first = await burst({ nodes: 100, pods: 1_000, single: 200 });
process.stderr.write(`  ${JSON.stringify(first)}\n`);
const second = await large({
  restartNodes: 1_000,
  nodes: Math.max(1_000, part(5_000)),
  pods: Math.max(1_000, part(50_000)),
  branches: Math.max(1_001, part(2_500)),
});
const result: ControllerFigures = { ...first, ...second, warm: await warm({ nodes: 100, pods: 1_000 }) };
process.stdout.write(JSON.stringify(result));
