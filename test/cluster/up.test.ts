// The cluster that `make cluster` leaves to people, as they use it: by the variables that it prints, from outside of its network.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { eventually, run, type Outcome } from "../ground/run.ts";

/** Milliseconds until it is there, and until it is gone, on a busy machine. */
const UP_MS = 300_000;
const GONE_MS = 60_000;

const child = spawn(process.execPath, [path.join(import.meta.dirname, "up.ts")], {
  stdio: ["ignore", "pipe", "inherit"],
});
const ended = once(child, "exit") as Promise<[number | null]>;
let said = "";
child.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
let env: string;

/** In a shell that knows nothing but what it was told to read. */
const inShell = (script: string): Promise<Outcome> =>
  run(["/bin/bash", "-uc", `. "$1"; ${script}`, "bash", env], {
    timeout: 120_000,
    // kubectl keeps what it has found there; it goes with the cluster.
    env: { PATH: "/usr/bin:/bin", HOME: path.dirname(env) },
  });

beforeAll(async () => {
  env = await eventually(
    "what make cluster prints",
    () => {
      if (child.exitCode !== null) throw new Error(`it has ended:\n${said}`);
      return said.includes("Ctrl-C ends it") ? /^\. (\/.*\/env)$/m.exec(said)?.[1] : undefined;
    },
    UP_MS,
  );
}, UP_MS);

afterAll(async () => {
  child.kill("SIGKILL");
  await ended;
});

it("kubectl, branchline and EC2 answer", async () => {
  const script = `kubectl get nodes -o name && branchline status -A -o json | jq -r '.nodes[].name'
    curl -sS "$AWS_ENDPOINT_URL_EC2" -d Action=DescribeSecurityGroups -d Version=2016-11-15 | grep -o "<groupId>$CLIENT_GROUP" | sort -u`;
  const { stdout, stderr } = await inShell(script);
  expect([stdout, stderr]).toEqual([expect.stringMatching(/^node\/node-1\nnode-1\n<groupId>sg-\w+\n$/), ""]);
});

it("a policy with the group that it prints leads a pod to the database", async () => {
  const { status, stdout, stderr } = await inShell(`set -e
    kubectl create namespace shop
    kubectl apply -f - <<EOF
apiVersion: vpcresources.k8s.aws/v1beta1
kind: SecurityGroupPolicy
metadata: { name: web, namespace: shop }
spec:
  podSelector: { matchLabels: { app: web } }
  securityGroups: { groupIds: [$CLIENT_GROUP] }
EOF
    for app in web other; do kubectl run $app -n shop --image $IMAGE --labels app=$app; done
    kubectl wait -n shop --for=condition=Ready pod/web pod/other --timeout=90s
    kubectl exec -n shop web -- ask \${DATABASE/:/ }
    branchline explain pod web -n shop --to $DATABASE | tail -1
    branchline explain pod other -n shop --to $DATABASE | tail -1
    kubectl exec -n shop other -- ask \${DATABASE/:/ }`);
  expect(stderr).toMatch(/^command terminated with exit code 1$/m);
  expect(status).toBe(1);
  expect(stdout.trim().split("\n").slice(-4)).toEqual([
    expect.stringMatching(/^database 10\.0\./),
    "reaches",
    expect.stringMatching(/^does not reach: /),
    "timed out",
  ]);
});

it("ends at Ctrl-C, and leaves nothing of it", async () => {
  child.kill("SIGINT");
  const late = new Promise((resolve) => setTimeout(resolve, GONE_MS, ["still runs"]).unref());
  expect(await Promise.race([ended, late])).toEqual([0, null]);
  expect(existsSync(path.dirname(env))).toBe(false);
});
