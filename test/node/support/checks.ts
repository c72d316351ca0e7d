// What has to be true of the node: while the agent is dead, wherever it was cut, and once the next one has started.
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { connect } from "node:net";
import { expect } from "vitest";
import { run } from "../../ground/run.ts";
import { LIST, PRIMARY, STATE, type Place } from "./place.ts";
import type { Scene } from "./scenes.ts";

const FEATURE = { name: "SecurityGroupsForPods" };
/** Names that no runtime reads: hidden, and without a list's suffix. */
const UNREAD = /^\..*(?<!\.conf|\.conflist|\.json)$/;
/** The native library, which each copy of the executable keeps beside itself. */
const LIBRARY = /^\.branchline-[0-9a-f]+-koffi\.node$/;

/** At the very moment at which the agent was cut. */
export async function expectSafe(place: Place, { listStands, trunk }: Scene): Promise<void> {
  const list = place.list as { plugins: { type: string; enablePodENI?: unknown }[] } | undefined;
  if (listStands) expect(list, "our list has gone").toBeDefined();
  if (list !== undefined) {
    expect(list.plugins.map(({ type }) => type)).toEqual(["primary-aws", "branchline"]);
    expect(list.plugins[1]?.enablePodENI).toBe(true);
    expect(place.installed, "a list without its plugin").toBeDefined();
  }
  const features = (await place.features()).filter(({ name }) => name === FEATURE.name);
  expect(features.length, "features").toBeLessThanOrEqual(list === undefined ? 0 : 1);

  const names = readdirSync(place.at("net.d"));
  expect(names.filter((name) => ![LIST, PRIMARY].includes(name) && !UNREAD.test(name))).toEqual([]);
  const executables = readdirSync(place.at("bin"));
  expect(executables.filter((name) => name !== "branchline" && !UNREAD.test(name))).toEqual([]);
  expect(place.installed).not.toBe("another");
  if (place.installed !== undefined) await expectRuns(place);

  const trunkFile = `${STATE}/trunk.json`;
  if (existsSync(trunkFile)) {
    const text = readFileSync(trunkFile, "utf8");
    if (text !== trunk) expect(JSON.parse(text)).toEqual({ mac: "02:00:00:00:00:99" });
  }
  expect(await answersAt(`${STATE}/agent.sock`)).toBe(false);
}

async function expectRuns(place: Place): Promise<void> {
  const file = place.at("bin", "branchline");
  expect(statSync(file).mode & 0o7777).toBe(0o755);
  const { status, stdout, stderr } = await run([file], {
    env: { CNI_COMMAND: "VERSION" },
    input: '{"cniVersion":"1.0.0"}',
  });
  expect([status, stderr]).toEqual([0, ""]);
  expect(JSON.parse(stdout)).toHaveProperty("supportedVersions");
}

function answersAt(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const client = connect(socket, () => {
      client.destroy();
      resolve(true);
    });
    client.once("error", () => resolve(false));
  });
}

/** Once the next agent has done its work and no ADD is under way: everything is there once, and nothing half-done. */
export async function expectRight(place: Place, { trunk }: Scene): Promise<void> {
  expect(place.list).toEqual(place.wantedList);
  expect(statSync(place.conf(LIST)).mode).toBe(statSync(place.conf(PRIMARY)).mode);
  expect(readdirSync(place.at("net.d")).sort()).toEqual([LIST, PRIMARY]);
  expect(place.installed).toBe("the agent's");
  for (const directory of ["bin", "image"]) {
    const others = readdirSync(place.at(directory)).filter((name) => name !== "branchline");
    expect(others.filter((name) => !LIBRARY.test(name))).toEqual([]);
  }
  expect(readFileSync(`${STATE}/trunk.json`, "utf8")).toBe(trunk);
  expect(statSync(`${STATE}/agent.sock`).mode & 0o777).toBe(0o600);
  expect(readdirSync(STATE).filter((name) => /\.tmp$|\.\d+$/.test(name))).toEqual([]);
  const records = `${STATE}/attachments`;
  expect(existsSync(records) ? readdirSync(records) : []).toEqual([]);
  expect(existsSync(place.log) ? statSync(place.log).size : 0).toBeLessThan(10 * 1024 * 1024);
  expect((await place.features()).filter(({ name }) => name === FEATURE.name)).toEqual([FEATURE]);
}
