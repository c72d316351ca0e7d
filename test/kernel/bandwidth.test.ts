// A limit of bandwidth that a pod asks for: nothing keeps it on a direct pod's branch, and the log says so.
import { expect, test } from "vitest";
import { podEni } from "../ground/index.ts";
import { logOf } from "./support/routed.ts";
import { annotationOf, sandboxForTest, useGround } from "./support/sandbox.ts";

const ground = useGround();

const said =
  'default/limited-direct asks for kubernetes.io/egress-bandwidth "1M": datapath "direct" does not limit the branch, "routed" does';

test.each([
  { datapath: "direct", limit: "1M", warnings: [said] },
  { datapath: "direct", limit: undefined, warnings: [] },
  { datapath: "routed", limit: "1M", warnings: [] },
])("$datapath, asked for $limit", async ({ datapath, limit, warnings }) => {
  const branch = annotationOf({ vlanId: 7, ipv4: "10.0.0.20" });
  const settings = { datapath, podSGEnforcingMode: "standard" };
  const name = `limited-${datapath}`;
  const pod = await sandboxForTest(ground, { name, addresses: ["10.0.0.50"], settings });
  const annotations = {
    [podEni]: branch,
    ...(limit !== undefined && { "kubernetes.io/egress-bandwidth": limit }),
  };
  const before = logOf(ground).length;
  await pod.mustAdd({ annotations });
  const lines = logOf(ground).slice(before);
  expect(lines.filter(({ level }) => level === "warn").map(({ message }) => message)).toEqual(warnings);
});
