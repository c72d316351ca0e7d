import { vi } from "vitest";

/** Imported before the agent: puts ground.ts in the place of the modules that touch the node. */

vi.mock("../../src/agent/install/executable.ts", () => import("./ground.ts"));
vi.mock("../../src/agent/install/directory.ts", () => import("./ground.ts"));
vi.mock("../../src/agent/answer/socket.ts", () => import("./ground.ts"));
vi.mock("../../src/agent/trunk/record.ts", () => import("./ground.ts"));
vi.mock("../../src/agent/trunk/sources.ts", () => import("./ground.ts"));
vi.mock("../../src/agent/attachments/known.ts", () => import("./ground.ts"));
vi.mock("../../src/agent/attachments/collector.ts", () => import("./ground.ts"));
vi.mock("../../src/agent/attachments/routes.ts", () => import("./ground.ts"));
vi.mock("../../src/agent/figures.ts", () => import("./ground.ts"));
vi.mock("../../src/agent/unenforced.ts", () => import("./ground.ts"));
vi.mock("node:fs", async (original) => ({
  ...(await original<typeof import("node:fs")>()),
  watch: (await import("./ground.ts")).watch,
}));
