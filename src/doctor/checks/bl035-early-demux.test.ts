import { table } from "../../../test/unit/doctor.ts";
import { earlyDemux } from "./bl035-early-demux.ts";

table(earlyDemux, {
  off: {
    given: {
      sysctls: { "net/ipv4/tcp_early_demux": "0" },
      attachments: [{ file: "7:c:eth0.json", vlan: 7, pod: "shop/web-0", eni: "eni-a", mode: "strict" }],
    },
    result: "ok",
    found: "it is 0",
  },
  on: {
    given: {
      sysctls: { "net/ipv4/tcp_early_demux": "1" },
      attachments: [{ file: "7:c:eth0.json", vlan: 7, pod: "shop/web-0", eni: "eni-a", mode: "strict" }],
    },
    result: "problem",
    found: "it is on, and pods are strict",
    items: ["shop/web-0, VLAN id 7"],
  },
  "nobody is strict": {
    given: { sysctls: { "net/ipv4/tcp_early_demux": "1" }, attachments: [] },
    result: "skipped",
    found: "no pod of this node is in strict mode",
  },
});
