// What a runtime passes: environment, and a configuration with prevResult and annotation. Right, and wrong in places.
import * as fc from "fast-check";
import type { Asked } from "./answers.ts";
import { type Value, changed, textOf, texts } from "./hostile.ts";
import { JUNK, NODE, POD, TRUNK_MAC } from "./paths.ts";

export const VERSIONS = ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] as const;
export const CAPABILITY = "io.kubernetes.cri.pod-annotations";
export const ANNOTATION = "vpc.amazonaws.com/pod-eni";
const CHOICE = "branchline.dev/datapath";

/** Names that the tests may log to; others must never be opened by a process that runs as root. */
export interface LogFiles {
  readonly usual: string;
  readonly odd: readonly string[];
}

export type Environment = Readonly<Record<string, string>>;

/** Mostly this one, at times one of others. */
function mostly<T>(usual: T, others: fc.Arbitrary<T>, weight = 25): fc.Arbitrary<T> {
  return fc.oneof({ weight, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: others });
}

/** The environment cannot hold a NUL. */
const variable = texts.map((text) => text.replaceAll("\0", "").slice(0, 4000));

const args = fc.oneof(
  fc.constantFrom(
    "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0;K8S_POD_UID=u1",
    "K8S_POD_UID=u1;IgnoreUnknown=true;K8S_POD_INFRA_CONTAINER_ID=c1",
    "",
    "A=1",
    "K8S_POD_NAME=a=b",
    ";;;",
    "IgnoreUnknown=perhaps",
  ),
  variable,
);

export const verbs = ["ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION"] as const;

/** The variables of a call, most of them right. */
export const environments: fc.Arbitrary<Environment> = fc
  .record({
    CNI_COMMAND: mostly("ADD", fc.oneof(fc.constantFrom("add", "FOO", "", "constructor"), variable)).chain(
      (command) =>
        command === "ADD"
          ? fc.constantFrom("ADD", "ADD", "ADD", "ADD", ...verbs.slice(0, 5), "VERSION")
          : fc.constant(command),
    ),
    CNI_CONTAINERID: mostly(
      "c1",
      fc.oneof(fc.constantFrom("", "-", "c".repeat(300), "c:1", "../c"), variable),
    ),
    CNI_NETNS: mostly(POD, fc.oneof(fc.constantFrom("", "/run/netns/gone", NODE, JUNK), variable)),
    CNI_IFNAME: mostly(
      "eth0",
      fc.oneof(fc.constantFrom("", "net1", "host0", "lo", "1234567890123456", "a/b"), variable),
    ),
    CNI_PATH: mostly("/opt/cni/bin", fc.constantFrom("", "/nonexistent")),
    CNI_ARGS: mostly("IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0;K8S_POD_UID=u1", args),
    ENABLE_POD_ENI: mostly("", fc.oneof(fc.constantFrom("true", "false", "yes"), variable)),
    POD_SECURITY_GROUP_ENFORCING_MODE: mostly("", fc.oneof(fc.constantFrom("strict", "standard"), variable)),
    PATH: fc.constant("/usr/bin:/bin"),
  })
  .map((env) => Object.fromEntries(Object.entries(env).filter(([, value]) => value !== "")));

export interface BranchOptions {
  readonly ipv6: boolean;
  readonly vlanId: number;
  readonly eniId: string;
}

/** The annotation's value, element by element. */
export function branch({ ipv6, vlanId, eniId }: BranchOptions): Value {
  return [
    {
      eniId,
      ifAddress: `02:b1:00:00:00:0${vlanId % 10}`,
      privateIp: "10.0.1.20",
      ipv6Addr: ipv6 ? "2001:db8:2::20" : "",
      vlanId,
      subnetCidr: "10.0.1.0/24",
      subnetV6Cidr: ipv6 ? "2001:db8:2::/64" : "",
      associationID: "trunk-assoc-0b1c2d3e4f5a6b7c8",
    },
  ];
}

const branches: fc.Arbitrary<Value> = fc
  .record({
    ipv6: fc.boolean(),
    vlanId: mostly(7, fc.constantFrom(8, 153, 4094)),
    eniId: mostly("eni-0a", fc.constant("eni-0b")),
  })
  .map(branch);

/** The annotation's text, damaged as a value or as text. */
export const annotations: fc.Arbitrary<string> = branches.chain((right) =>
  fc.oneof(
    { weight: 8, arbitrary: changed(fc.constant(right), 2).map((value) => textOf(value)) },
    { weight: 1, arbitrary: fc.constantFrom("before", "after").map((twice) => textOf(right, twice)) },
    { weight: 2, arbitrary: damagedText(textOf(right)) },
    { weight: 1, arbitrary: texts },
  ),
);

/** What the plugins before us answered, in each version. */
export function previous(version: string): Value {
  const has = (since: string) => version >= since;
  return {
    cniVersion: version,
    interfaces: [
      { name: "eni-pod", mac: "101", ...(has("1.1.0") ? { mtu: 9001 } : {}) },
      {
        name: "eth0",
        mac: "1",
        sandbox: POD,
        ...(has("1.1.0") ? { mtu: 9001, socketPath: "", pciID: "" } : {}),
      },
    ],
    ips: [
      {
        ...(has("1.0.0") ? {} : { version: "4" }),
        address: "10.0.0.50/32",
        interface: 1,
        gateway: "169.254.1.1",
      },
    ],
    routes: [{ dst: "0.0.0.0/0", gw: "169.254.1.1", ...(has("1.1.0") ? { priority: 5, table: 254 } : {}) }],
    dns: { nameservers: ["10.0.0.2"], domain: "cluster.local", search: ["a", "b"], options: ["ndots:5"] },
  };
}

export const previousResults: fc.Arbitrary<Value> = fc
  .constantFrom(...VERSIONS)
  .chain((version) =>
    fc.oneof(
      { weight: 6, arbitrary: changed(fc.constant(previous(version)), 2) },
      { weight: 1, arbitrary: fc.constantFrom<Value>({}, { cniVersion: version }) },
    ),
  );

/** An entry of the list as it should be, in all its kinds; `wild` ones have parts that are wrong or absent. */
export function entries(log: LogFiles, kind: "tame" | "wild"): fc.Arbitrary<Value> {
  const wild = <T>(usual: fc.Arbitrary<T>, others: fc.Arbitrary<T>) =>
    kind === "tame" ? usual : fc.oneof({ weight: 2, arbitrary: usual }, { weight: 1, arbitrary: others });
  const none = fc.constant(undefined);
  return fc
    .record({
      // GC and STATUS are of the newest only.
      cniVersion: fc.constantFrom<string>(...VERSIONS, "1.1.0", "1.1.0", "1.1.0"),
      datapath: fc.constantFrom("direct", "routed", "direct", "routed", "auto"),
      mode: fc.constantFrom(undefined, "standard", "strict"),
      trunk: wild<Value>(
        fc.constantFrom<Value>({ interface: "eth1" }, { mac: TRUNK_MAC }),
        fc.constantFrom<Value>({}, { interface: "ens9" }, { mac: "02:00:00:00:00:99" }),
      ),
      enablePodENI: wild<Value>(fc.constantFrom<Value>(true, "true"), fc.constantFrom<Value>(false, "false")),
      mtu: wild<Value | undefined>(
        fc.constantFrom<Value | undefined>(undefined, "9001", 1500),
        fc.constant(9002),
      ),
      annotation: wild<string | undefined>(
        branches.map((value) => textOf(value)),
        fc.oneof({ weight: 1, arbitrary: none }, { weight: 8, arbitrary: annotations }),
      ),
      prevResult: wild<Value | undefined>(
        fc.constantFrom(...VERSIONS).map(previous),
        fc.oneof({ weight: 1, arbitrary: none }, { weight: 8, arbitrary: previousResults }),
      ),
      pluginLogFile: wild(fc.constant(log.usual), fc.constantFrom(...log.odd)),
      attachments: fc.constantFrom<Value | undefined>(
        undefined,
        null,
        [],
        [{ containerID: "c1", ifname: "eth0" }],
        [{ containerID: "c2", ifname: "eth0" }],
      ),
      // There is no agent here: who asks waits for as long as he may, which of a process takes real time.
      missingAnnotation: mostly("pass", fc.constantFrom("refuse", "ask")),
      exemptNamespaces: fc.constantFrom<Value | undefined>(undefined, [], ["kube-system"], ["shop"]),
      extra: fc.constantFrom<object>(
        {},
        {},
        { manageEarlyDemux: true },
        { hostInterfaceName: "net9" },
        { hostRoutes: [] },
        { allowDatapathOverride: true },
      ),
      choice: wild<string | undefined>(
        fc.constantFrom(undefined, undefined, undefined, "direct", "routed"),
        fc.constantFrom("auto", "", "Direct"),
      ),
    })
    .map(
      ({
        datapath,
        mode,
        mtu,
        annotation,
        prevResult,
        attachments,
        exemptNamespaces,
        extra,
        choice,
        ...entry
      }) => ({
        name: "aws-cni",
        type: "branchline",
        branchTimeout: 1,
        // Nothing answers for the gateway.
        gatewayTimeout: 0,
        serviceCIDRs: ["172.20.0.0/16", "fd00:20::/108"],
        capabilities: { [CAPABILITY]: true },
        pluginLogLevel: "debug",
        datapath,
        ...entry,
        // Strict is what direct cannot be, nor what may become direct.
        ...(mode === undefined || (kind === "tame" && datapath !== "routed")
          ? {}
          : { podSGEnforcingMode: mode }),
        ...(mtu === undefined ? {} : { mtu }),
        ...(exemptNamespaces === undefined ? {} : { exemptNamespaces }),
        ...(attachments === undefined ? {} : { "cni.dev/valid-attachments": attachments }),
        runtimeConfig: {
          [CAPABILITY]:
            annotation === undefined && choice === undefined
              ? null
              : {
                  ...(annotation === undefined ? {} : { [ANNOTATION]: annotation }),
                  ...(choice === undefined ? {} : { [CHOICE]: choice }),
                },
        },
        ...(prevResult === undefined ? {} : { prevResult }),
        ...extra,
      }),
    );
}

/** Text with a few characters changed, cut or put in. */
function damagedText(text: string): fc.Arbitrary<string> {
  const place = fc.nat(text.length);
  return fc
    .array(fc.tuple(place, fc.nat(4), fc.string({ maxLength: 3 })), { minLength: 1, maxLength: 3 })
    .map((edits) =>
      edits.reduce((now, [at, cut, more]) => now.slice(0, at) + more + now.slice(at + cut), text),
    );
}

/** stdin: an entry that is right, changed in places, given keys twice, damaged as text, or anything at all. */
export function stdins(log: LogFiles): fc.Arbitrary<string | Uint8Array> {
  const right = entries(log, "tame");
  const asText = fc.oneof(
    { weight: 12, arbitrary: right.map((value) => textOf(value)) },
    { weight: 8, arbitrary: entries(log, "wild").map((value) => textOf(value)) },
    { weight: 6, arbitrary: changed(right, 2).map((value) => textOf(value)) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(right, fc.constantFrom("before", "after"))
        .map(([value, twice]) => textOf(value, twice)),
    },
    { weight: 2, arbitrary: right.chain((value) => damagedText(textOf(value))) },
    { weight: 1, arbitrary: fc.json() },
    { weight: 1, arbitrary: fc.constantFrom("", "null", "[]", "{}", "0", '"x"', "\ufeff{}", `{"name":"n"}`) },
  );
  return fc.oneof<[fc.WeightedArbitrary<string>, fc.WeightedArbitrary<Uint8Array>]>(
    { weight: 20, arbitrary: asText },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) },
  );
}

/** What a configuration asks for: its version by the rules of the reference decoder, and its prevResult. */
export function askedBy(stdin: string | Uint8Array): Asked {
  let config: unknown;
  try {
    config = JSON.parse(typeof stdin === "string" ? stdin : Buffer.from(stdin).toString());
  } catch {
    return {};
  }
  if (typeof config !== "object" || config === null || Array.isArray(config)) return {};
  const [version] = Object.entries(config)
    .filter(([key, value]) => key.toLowerCase() === "cniversion" && value !== null)
    .map(([, value]): unknown => value)
    .toReversed();
  return {
    ...(typeof version === "string" && { version }),
    ...("prevResult" in config && { previous: config.prevResult }),
  };
}
