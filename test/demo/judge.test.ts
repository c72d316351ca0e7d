import { describe, expect, test } from "vitest";
import { EXPECTATIONS, words } from "./expectations.ts";
import * as judge from "./judge.ts";
import { BREAKS, parseOptions } from "./options.ts";

const ROWS = `    name     | price
-------------+--------
 Pocket Watch | 385.00
(4 rows)

  seen as
-----------
 ADDRESS
(1 row)
`;
const BRANCH = { eniId: "eni-1", privateIp: "10.0.0.20" };
const container = (restartCount = 0) => ({ restartCount, state: { running: {} } });
const pod = ({
  uid = "u",
  podIP,
  branch,
  restarts,
}: {
  readonly uid?: string;
  readonly podIP?: string;
  readonly branch?: object;
  readonly restarts?: number;
} = {}) =>
  JSON.stringify({
    metadata: {
      name: "catalogue-1",
      uid,
      annotations: branch === undefined ? {} : { "vpc.amazonaws.com/pod-eni": JSON.stringify([branch]) },
    },
    status: {
      ...(podIP !== undefined && { podIP }),
      containerStatuses: [
        podIP === undefined ? { restartCount: 0, state: { waiting: {} } } : container(restarts),
      ],
    },
  });
const withBranch = pod({ podIP: "10.0.0.20", branch: BRANCH });
const eni = (id: string, type: string, group = "catalog", address = "10.0.0.20") =>
  `<item><networkInterfaceId>${id}</networkInterfaceId><interfaceType>${type}</interfaceType>
<privateIpAddress>${address}</privateIpAddress><groupSet><item><groupId>sg-1</groupId><groupName>${group}</groupName></item></groupSet></item>`;

describe("a query", () => {
  test.each([
    ["psql: error: connection to server at x failed: timeout expired", withBranch, words.timedOut],
    [ROWS.replace("ADDRESS", "10.0.0.20"), withBranch, words.rows(4, "its branch")],
    [
      ROWS.replace("ADDRESS", "10.0.0.9"),
      pod({ podIP: "10.0.0.9" }),
      words.rows(4, "its address on the node"),
    ],
    [ROWS.replace("ADDRESS", "10.0.0.9"), withBranch, words.rows(4, "somebody else")],
    ["psql: error: FATAL: no such role\n", withBranch, "psql: error: FATAL: no such role"],
  ])("%# is judged by what psql printed", (printed, of, outcome) => {
    expect(judge.query(printed, of)).toBe(outcome);
  });

  test("is not the same pod's, after a restart or by another one", () => {
    const printed = ROWS.replace("ADDRESS", "10.0.0.20");
    const restarted = pod({ podIP: "10.0.0.20", branch: BRANCH, restarts: 1 });
    expect(judge.samePod(withBranch, withBranch, printed)).toBe(words.rows(4, "its branch"));
    expect(judge.samePod(withBranch, restarted, printed)).toBe("it was restarted");
    expect(judge.samePod(withBranch, pod({ uid: "other" }), printed)).toBe("it is another pod");
  });
});

test("explain's last line, with the names of groups", () => {
  const printed = `  from  shop/a (10.0.0.9) by eni-1: sg-0a (cluster)
  to    10.0.0.5 by eni-2: sg-0b (catalog-db), tcp 5432

does not reach: sg-0b has no ingress for tcp 5432 from sg-0a (10.0.0.9)
`;
  expect(judge.explained(printed)).toBe(
    "does not reach: catalog-db has no ingress for tcp 5432 from cluster",
  );
  expect(judge.explained("...\n\nreaches\n")).toBe(words.reaches);
});

describe("a pod that is held back", () => {
  const add = (outcome: string | undefined, podUid = "u") =>
    `${JSON.stringify({ verb: "ADD", podUid, ...(outcome !== undefined && { outcome }) })}\n`;
  test.each([
    [pod(), "1s Warning BranchLate", add("attached"), words.late],
    [pod(), "", add("attached"), "waits, but no event says so"],
    [pod(), "BranchLate", add(undefined) + add("attached"), "waits, but its ADDs were: refused, attached"],
    [pod(), "BranchLate", add("attached", "other"), "waits, but its ADDs were: none"],
    [pod({ podIP: "10.0.0.9" }), "BranchLate", add("attached"), "starts without its branch"],
  ])("%#", (meanwhile, events, log, outcome) => {
    expect(judge.late(meanwhile, events, log)).toBe(outcome);
  });

  test("has started when anything of it has", () => {
    expect(judge.started(pod())).toBe(words.waits);
    expect(judge.started(withBranch)).toBe("has started");
  });
});

describe("what EC2 has", () => {
  test("of a pod's branch", () => {
    const other = eni("eni-0", "interface", "cluster", "10.0.0.9");
    expect(judge.branch(withBranch, other + eni("eni-1", "branch"))).toBe(words.branch(["catalog"]));
    expect(judge.groupIds(withBranch, other + eni("eni-1", "branch"))).toEqual(["sg-1"]);
    expect(judge.groupIds(pod(), other)).toEqual([]);
    expect(judge.branch(withBranch, eni("eni-1", "interface"))).toBe("an interface of type interface");
    expect(judge.branch(withBranch, other)).toBe("EC2 does not know eni-1");
    expect(judge.branch(pod(), other)).toBe("no branch");
    expect(judge.annotation(withBranch, other + eni("eni-1", "branch"))).toBe(words.annotated);
    expect(judge.annotation(pod({ podIP: "10.0.0.9", branch: BRANCH }), eni("eni-1", "branch"))).toBe(
      "the pod has 10.0.0.9",
    );
    expect(judge.annotation(pod(), "")).toBe("none");
  });

  test("when all is deleted", () => {
    expect(judge.leftInEc2(eni("eni-0", "interface"))).toBe(words.inEc2(0, 0));
    expect(judge.leftInEc2(eni("eni-0", "trunk") + eni("eni-1", "branch"))).toBe("1 trunks, 1 branches");
  });
});

test("what a node has when all is deleted", () => {
  const links = "1: lo: <LOOPBACK> ... link/loopback\n2: eth0@if3: <UP> ... veth\n";
  expect(judge.leftOnNode("", links)).toBe(words.onNode);
  expect(judge.leftOnNode("7.json\n", `${links}4: eth0@if2: <UP> ... macvlan mode vepa`)).toBe(
    "1 records, 1 devices",
  );
});

test("each break has a row, and no other name is one", () => {
  const rows = EXPECTATIONS.map(({ id }) => id);
  for (const [name, { row }] of Object.entries(BREAKS)) {
    expect(parseOptions(["--break", name])).toEqual({ plan: false, broken: name });
    expect(rows).toContain(row);
  }
  expect(() => parseOptions(["--break", "toString"])).toThrow(
    "--break toString: there are policy, group, agent",
  );
});
