// Frames as they pass a device, tags and all: to show, rather than to count (the VPC counts).
import { spawn } from "node:child_process";
import { inNetns, type Netns } from "./netns.ts";
import { eventually, sleep } from "./run.ts";

export interface Capture {
  /** tcpdump's lines so far, with link-level header: `… vlan 7, p 0, ethertype IPv4 …`. */
  readonly lines: readonly string[];
  /** Ends the capture, after a moment for what is under way, and answers with all lines. */
  stop(): Promise<readonly string[]>;
}

/** Starts tcpdump on a device with a filter in pcap's language; resolves once it listens. */
export async function capture(netns: Netns, device: string, filter = ""): Promise<Capture> {
  const [file, ...args] = inNetns(netns, ["tcpdump", "-nne", "-l", "--immediate-mode", "-i", device, filter]);
  const child = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (said += chunk));
  const ended = new Promise<void>((resolve) => {
    child.on("close", () => resolve());
    child.on("error", (error) => {
      said += error.message;
      resolve();
    });
  });
  const lines = () => text.split("\n").filter((line) => line !== "");
  try {
    await eventually(`tcpdump on ${device}`, () => {
      if (child.exitCode !== null || child.pid === undefined)
        throw new Error(`tcpdump on ${device}: ${said}`);
      return said.includes("listening on") ? true : undefined;
    });
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
  return {
    get lines() {
      return lines();
    },
    async stop() {
      await sleep(200);
      child.kill("SIGINT");
      const timer = setTimeout(() => child.kill("SIGKILL"), 3_000);
      await ended;
      clearTimeout(timer);
      return lines();
    },
  };
}
