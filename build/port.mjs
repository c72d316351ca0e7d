// What the port to EC2 costs whoever bundles it: its size, and the time that loading it takes.

import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { bundleOf } from "./bundle.mjs";
import { node } from "./paths.mjs";

const RUNS = 5;

/** With the SDK's ES modules, so that only the operations that are used are in it. */
export function portBundle() {
  return bundleOf("src/ec2/port.ts", { mainFields: ["module", "main"] });
}

/** One line: bytes of the bundle, and the milliseconds of processor time that loading it adds to a bare Node's. */
export async function portReport(scratch) {
  const { code } = await portBundle();
  writeFileSync(`${scratch}/port.cjs`, code);
  writeFileSync(`${scratch}/nothing.cjs`, "");
  const loading = Math.round((cpuOf(`${scratch}/port.cjs`) - cpuOf(`${scratch}/nothing.cjs`)) / 1000);
  return `port to EC2: ${code.length} bytes, ${loading} ms of processor time to load`;
}

/** The least microseconds of several runs. */
function cpuOf(script) {
  const measure = `require(${JSON.stringify(script)});const{user,system}=process.cpuUsage();console.log(user+system)`;
  const runs = Array.from({ length: RUNS }, () =>
    Number(execFileSync(node, ["-e", measure], { encoding: "utf8" })),
  );
  return Math.min(...runs);
}
