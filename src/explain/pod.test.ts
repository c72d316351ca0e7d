import { expect, it } from "vitest";
import { POD_ENI_ANNOTATION } from "../ipam/annotation.ts";
import { EXPLAINED_PODS, writtenAt } from "./pod.ts";

const object = (spec: object, more: object = {}, status: object = {}) => ({
  metadata: { namespace: "shop", name: "web-0", ...more },
  spec,
  status,
});

const entry = (time: string, ...path: readonly string[]) => ({
  manager: "m",
  time,
  fieldsV1: path.reduceRight<object>((inner, key) => ({ [key]: inner }), {}),
});
const ANNOTATION = ["f:metadata", "f:annotations", `f:${POD_ENI_ANNOTATION}`];

it("says when its branch was written, by whoever wrote it last", () => {
  const managedFields = [
    entry("2026-11-29T10:00:00Z", "f:metadata", "f:labels", "f:app"),
    entry("2026-11-29T10:00:02Z", ...ANNOTATION),
    entry("2026-11-29T10:00:01Z", ...ANNOTATION),
    entry("2026-11-29T10:00:09Z", "f:status"),
  ];
  expect(EXPLAINED_PODS.read(object({}, { managedFields })).annotatedAt).toBe("2026-11-29T10:00:02Z");
  expect(writtenAt({ managedFields: managedFields.slice(3) }, ANNOTATION)).toBeUndefined();
  expect(writtenAt({ managedFields: "odd" }, ANNOTATION)).toBeUndefined();
});

it("has ports and probes of all containers that go on, whether it asks for a branch or not", () => {
  const probe = (port: number | string) => ({ readinessProbe: { httpGet: { port } } });
  const pod = EXPLAINED_PODS.read(
    object({
      containers: [{ ports: [{ name: "http", containerPort: 8080 }], ...probe("http") }],
      initContainers: [
        { restartPolicy: "Always", ports: [{ containerPort: 9000, protocol: "UDP" }], ...probe(9001) },
        { ports: [{ containerPort: 1 }], ...probe(1) },
      ],
    }),
  );
  expect(pod.allPorts.map(({ port, protocol }) => [port, protocol])).toEqual([
    [8080, "TCP"],
    [9000, "UDP"],
  ]);
  expect(pod.allProbes.map(({ port }) => port)).toEqual([8080, 9001]);
});

it("has what else an explanation needs, and makes up nothing", () => {
  const labels = { "eks.amazonaws.com/fargate-profile": "p" };
  const annotations = {
    "fargate.amazonaws.com/pod-sg": "sg-1,sg-2",
    "ambient.istio.io/redirection": "enabled",
  };
  const conditions = [{ type: "PodScheduled", status: "False", message: "0/1 nodes are available" }];
  const spec = { dnsPolicy: "None", dnsConfig: { nameservers: ["10.0.0.2"] } };
  expect(EXPLAINED_PODS.read(object(spec, { labels, annotations }, { conditions }))).toMatchObject({
    fargate: { groups: ["sg-1", "sg-2"] },
    isInAmbientMesh: true,
    notScheduled: "0/1 nodes are available",
    dnsPolicy: "None",
    nameservers: ["10.0.0.2"],
  });
  expect(EXPLAINED_PODS.read({})).toMatchObject({
    fargate: undefined,
    isInAmbientMesh: false,
    notScheduled: undefined,
    dnsPolicy: "ClusterFirst",
    nameservers: [],
    annotatedAt: undefined,
  });
});
