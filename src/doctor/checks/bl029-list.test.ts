import { table } from "../../../test/unit/doctor.ts";
import { list } from "./bl029-list.ts";

const AWS = {
  name: "10-aws.conflist",
  text: '{"name":"aws-cni","plugins":[{"type":"aws-cni"},{"type":"portmap"}]}',
};
const OURS = {
  name: "05-branchline.conflist",
  text: '{"name":"aws-cni","plugins":[{"type":"aws-cni"},{"type":"branchline","enablePodENI":true},{"type":"portmap"}]}',
};

table(list, {
  "ours is first": {
    given: { lists: { directory: "/etc/cni/net.d", files: [AWS, OURS] } },
    result: "ok",
    found: "/etc/cni/net.d/05-branchline.conflist: aws-cni, branchline, portmap",
  },
  "another comes first": {
    given: { lists: { directory: "/etc/cni/net.d", files: [OURS, { ...AWS, name: "00-aws.conflist" }] } },
    result: "problem",
    found: "/etc/cni/net.d/00-aws.conflist comes first, and has no entry of branchline",
    items: ["it has aws-cni, portmap"],
  },
  "not enabled": {
    given: {
      lists: { directory: "/etc/cni/net.d", files: [{ ...OURS, text: OURS.text.replace("true", "false") }] },
    },
    result: "problem",
    found:
      "/etc/cni/net.d/05-branchline.conflist: enablePodENI of our entry is not true, so no pod gets a branch",
  },
  "none, and one that is cut off": {
    given: { lists: { directory: "/etc/cni/net.d", files: [{ ...OURS, text: "{" }] } },
    result: "problem",
    found: "/etc/cni/net.d/05-branchline.conflist comes first, and is no valid list",
  },
  empty: {
    given: { lists: { directory: "/etc/cni/net.d", files: [] } },
    result: "problem",
    found: "/etc/cni/net.d has no list: the node cannot be ready",
  },
});
