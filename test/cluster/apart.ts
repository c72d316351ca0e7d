// A script in a network and mounts of its own, where macvlans stand for VLAN devices: what up.ts and the demo do is there.
import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";

const NAMESPACES = path.resolve(import.meta.dirname, "../native/namespaces.ts");

/**
 * Runs it to its end, and gives its exit status. Its stdin ends with this process, however that is, and so should it. A
 * terminal's Ctrl-C comes to this process only, and is passed on once.
 */
export async function runApart(script: string, args: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, ["--require", NAMESPACES, script, ...args], {
    stdio: ["pipe", "inherit", "inherit"],
    env: { ...process.env, VLAN_STAND_IN: "macvlan" },
    // In a group of its own.
    detached: true,
  });
  const passed = ["SIGINT", "SIGTERM"] as const;
  const pass = (signal: NodeJS.Signals) => child.kill(signal);
  for (const signal of passed) process.on(signal, pass);
  const [status] = (await once(child, "exit")) as [number | null];
  for (const signal of passed) process.off(signal, pass);
  return status ?? 1;
}
