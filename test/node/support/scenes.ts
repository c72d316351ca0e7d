// What an agent starts with, and what happens to it.
import { linkSync, mkdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import { LIST, STATE, TRUNK_ENI, TRUNK_MAC, type Place } from "./place.ts";

export interface Scene {
  readonly name: string;
  /** Flags of the agent. */
  readonly args: readonly string[];
  /** Our list is there from before. */
  readonly listStands: boolean;
  /** trunk.json as it has to be. */
  readonly trunk: string;
  /** Makes the node what it is before the start. The agent and the loop of ADDs do not run. */
  readonly prepare: (place: Place) => Promise<void>;
  /** What happens once everything is right. */
  readonly disturb?: (place: Place) => Promise<void>;
}

const byInterface = { args: ["--trunk-interface", "eth1"], trunk: jsonLine({ mac: TRUNK_MAC }) } as const;

function jsonLine(value: object): string {
  return `${JSON.stringify(value)}\n`;
}

const DECLARED = { features: [{ name: "SecurityGroupsForPods" }] };

/** Nothing of ours is there, and a CNINode as EKS makes it. */
const first: Scene = {
  name: "a first start",
  ...byInterface,
  listStands: false,
  async prepare(place) {
    await place.clear();
    await place.makeCniNode(undefined);
  },
};

/** Another version has been there, with another entry and another trunk; and it was killed at its work, everywhere. */
const upgrade: Scene = {
  name: "an upgrade",
  args: [],
  trunk: jsonLine({ eniId: TRUNK_ENI, mac: TRUNK_MAC }),
  listStands: true,
  async prepare(place) {
    await place.clear();
    place.install(place.oldExecutable);
    writeFileSync(place.at("bin", ".branchline.0123456789ab.tmp"), "#!");
    const list = place.listWith({ ...place.entry, branchTimeout: 3 });
    writeFileSync(place.conf(LIST), JSON.stringify(list));
    writeFileSync(place.conf(`.${LIST}.0123456789ab.tmp`), JSON.stringify(list).slice(0, 100));
    mkdirSync(STATE, { mode: 0o700 });
    writeFileSync(`${STATE}/trunk.json`, jsonLine({ mac: "02:00:00:00:00:99" }), { mode: 0o600 });
    writeFileSync(`${STATE}/.trunk.json.0123456789ab.tmp`, "{");
    writeFileSync(place.log, "");
    truncateSync(place.log, 11 * 1024 * 1024);
    writeFileSync(`${place.log}.1`, "");
    await leaveSocket(`${STATE}/agent.sock`);
    await leaveSocket(`${STATE}/.agent.sock.0123456789ab.tmp`);
    await place.makeCniNode(DECLARED, { id: TRUNK_ENI, mac: TRUNK_MAC });
  },
};

/** Everything is right; then the primary's list is written anew, the CNINode made anew, and what we have damaged. */
const repair: Scene = {
  name: "a repair",
  ...byInterface,
  listStands: true,
  async prepare(place) {
    await place.clear();
    place.install(place.executable);
    writeFileSync(place.conf(LIST), JSON.stringify(place.wantedList));
    mkdirSync(STATE, { mode: 0o700 });
    writeFileSync(`${STATE}/trunk.json`, byInterface.trunk, { mode: 0o600 });
    await place.makeCniNode(DECLARED);
  },
  async disturb(place) {
    await place.makeCniNode({ features: [{ name: "Other" }] });
    rmSync(`${STATE}/agent.sock`, { force: true });
    place.install(place.oldExecutable);
    place.writePrimary("1400");
  },
};

/** A socket on which nobody listens any more. */
async function leaveSocket(file: string): Promise<void> {
  const server = createServer();
  const beside = path.join(path.dirname(file), "beside");
  await new Promise<void>((resolve) => server.listen(beside, resolve));
  // Under the name that it is bound to, closing would remove it.
  linkSync(beside, file);
  await new Promise((resolve) => server.close(resolve));
}

export const SCENES: readonly Scene[] = [first, upgrade, repair];
