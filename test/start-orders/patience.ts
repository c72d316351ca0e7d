import { patience as usual } from "../fuzz/runs.ts";

/** For a test of thousands of runs: some seconds, and minutes when the machine is busy. */
export const patience = { timeout: Math.max(usual.timeout, 600_000) };
