import { table } from "../../../test/unit/doctor.ts";
import { trunkDevice } from "./bl033-trunk-device.ts";

const TRUNK = { name: "eth1", mac: "02:00:00:00:00:01", isUp: true };

table(trunkDevice, {
  up: {
    given: { trunk: { mac: "02:00:00:00:00:01", devices: [TRUNK] } },
    result: "ok",
    found: "eth1, 02:00:00:00:00:01",
  },
  down: {
    given: { trunk: { mac: "02:00:00:00:00:01", devices: [{ ...TRUNK, isUp: false }] } },
    result: "problem",
    found: "the trunk eth1 is down",
  },
  gone: {
    given: { trunk: { mac: "02:00:00:00:00:09", devices: [TRUNK] } },
    result: "problem",
    found: "no device has the trunk's MAC 02:00:00:00:00:09",
    items: ["the node has eth1 02:00:00:00:00:01"],
  },
  "not known": {
    given: { trunk: { mac: undefined, devices: [TRUNK] } },
    result: "warning",
    found: "/run/branchline/trunk.json is not there: no trunk is known",
  },
});
