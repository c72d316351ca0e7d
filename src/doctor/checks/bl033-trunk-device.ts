import { defineCheck, ok, problem, warning } from "../check.ts";

export const trunkDevice = defineCheck({
  code: "BL033",
  title: "The trunk's device is there and up",
  why: "A branch is a VLAN on the network device of the trunk. While that is missing or down, pods with a branch reach nobody.",
  todo: "No trunk.json: the agent has not found the trunk yet; the line TrunkFound of 127.0.0.1:61680/readyz says what it asked. No device: the ENI is not attached, or its driver has failed; see dmesg. Down: ip link set DEVICE up.",
  place: "node",
  needs: ["trunk"],
  judge({ trunk: { mac, devices } }) {
    if (mac === undefined) return warning("/run/branchline/trunk.json is not there: no trunk is known");
    const its = devices.filter((device) => device.mac === mac);
    const [device] = its;
    if (device === undefined)
      return problem(`no device has the trunk's MAC ${mac}`, [
        `the node has ${devices.map((one) => `${one.name} ${one.mac}`).join(", ")}`,
      ]);
    if (its.length > 1)
      return problem(`the trunk's MAC ${mac} is of several devices`, [
        its.map(({ name }) => name).join(", "),
      ]);
    return device.isUp ? ok(`${device.name}, ${mac}`) : problem(`the trunk ${device.name} is down`);
  },
});
