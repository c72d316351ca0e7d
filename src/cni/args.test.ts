import { describe, expect, it } from "vitest";
import { parsePodArgs, readPodArgs } from "./args.ts";

const NOTHING = {
  podNamespace: undefined,
  podName: undefined,
  podUid: undefined,
  infraContainerId: undefined,
};
const POD = { podNamespace: "default", podName: "web-0", podUid: "u-1", infraContainerId: "c1" };

describe("CNI_ARGS", () => {
  it.each([
    ["", NOTHING],
    [
      "K8S_POD_UID=u-1;IgnoreUnknown=1;K8S_POD_INFRA_CONTAINER_ID=c1;K8S_POD_NAME=web-0;K8S_POD_NAMESPACE=default",
      POD,
    ],
    ["K8S_POD_NAME=web-0", { ...NOTHING, podName: "web-0" }],
    ["K8S_POD_NAME=", NOTHING],
    ["K8S_POD_NAME=a;K8S_POD_NAME=b", { ...NOTHING, podName: "b" }],
    ["X=1;IgnoreUnknown=1", NOTHING],
    ["IgnoreUnknown=true;X=1", NOTHING],
    ["IgnoreUnknown=TRUE;X=1;=2", NOTHING],
    ["IgnoreUnknown=0", NOTHING],
    ["IgnoreUnknown=False;K8S_POD_NAME=a", { ...NOTHING, podName: "a" }],
  ])("%j is read, by ADD and by the others", (text, expected) => {
    expect(parsePodArgs(text)).toEqual(expected);
    expect(readPodArgs(text)).toEqual(expected);
  });

  it.each([
    ["X=1", NOTHING, 'unknown without IgnoreUnknown=1: "X=1"'],
    [
      Array.from({ length: 12 }, (_, i) => `X${i}=1`).join(";"),
      NOTHING,
      /^CNI_ARGS: unknown without IgnoreUnknown=1: "X0=1", .*, "X9=1" and 2 more$/,
    ],
    ["X=1;Y=2;K8S_POD_NAME=a", { ...NOTHING, podName: "a" }, '"X=1", "Y=2"'],
    ["X=1;IgnoreUnknown=0", NOTHING, '"X=1"'],
    ["X=1;IgnoreUnknown=false", NOTHING, '"X=1"'],
    ["k8s_pod_name=a", NOTHING, '"k8s_pod_name=a"'],
    ["IgnoreUnknown=maybe", NOTHING, 'IgnoreUnknown is "maybe"'],
    ["IgnoreUnknown=", NOTHING, 'IgnoreUnknown is ""'],
    ["X", NOTHING, '"X" is not of the form KEY=VALUE'],
    ["X;IgnoreUnknown=1", NOTHING, '"X" is not of the form KEY=VALUE'],
    ["IgnoreUnknown=1;", NOTHING, '"" is not of the form KEY=VALUE'],
    ["K8S_POD_NAME=a=b;K8S_POD_UID=u", { ...NOTHING, podUid: "u" }, '"K8S_POD_NAME=a=b" is not'],
  ])("%j fails an ADD, and the others read what they can", (text, readable, message) => {
    expect(() => parsePodArgs(text)).toThrow(expect.objectContaining({ code: 4 }));
    expect(() => parsePodArgs(text)).toThrow(message);
    expect(readPodArgs(text)).toEqual(readable);
  });
});
