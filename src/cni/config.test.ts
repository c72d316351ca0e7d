import { describe, expect, it } from "vitest";
import { formatPrefix } from "../values/ip.ts";
import { forDatapath, readConfig, readLogSettings } from "./config.ts";
import type { ConfigOptions } from "./config.ts";
import { CniError } from "./errors.ts";
import { isObject, parseJson } from "../text/json.ts";
import type { JsonObject } from "../text/json.ts";

const CAPABILITY = { "io.kubernetes.cri.pod-annotations": true };
const ON = {
  type: "branchline",
  enablePodENI: true,
  serviceCIDRs: ["10.100.0.0/16"],
  capabilities: CAPABILITY,
};

function raw(text: string): JsonObject {
  const value = parseJson(text);
  if (!isObject(value)) throw new Error(`${text} is no object`);
  return value;
}

const read = (object: JsonObject, env = {}, options: ConfigOptions = {}) => readConfig(object, env, options);

describe("readLogSettings", () => {
  it("reads where and what to log", () => {
    const given = { pluginLogFile: "/tmp/x.log", pluginLogLevel: "DEBUG" };
    expect(readLogSettings(given)).toEqual({ pluginLogFile: "/tmp/x.log", pluginLogLevel: "debug" });
  });

  it.each([
    ["nothing", {}],
    ["null", { pluginLogFile: null, pluginLogLevel: null }],
    ["wrong values", { pluginLogFile: "relative", pluginLogLevel: 3 }],
  ])("has defaults for %s", (_, given) => {
    expect(readLogSettings(given)).toEqual({
      pluginLogFile: "/var/log/branchline/plugin.log",
      pluginLogLevel: "info",
    });
  });
});

describe("readConfig", () => {
  it("has defaults for everything while branches are off", () => {
    const { config, warnings } = read({ type: "branchline" });
    expect(warnings).toEqual([]);
    expect({ ...config, hostRoutes: config.hostRoutes.map(formatPrefix) }).toEqual({
      enablePodENI: false,
      missingAnnotation: "ask",
      branchTimeout: 30,
      gatewayTimeout: 10,
      exemptNamespaces: [],
      alreadyAttached: "refuse",
      families: undefined,
      datapath: "direct",
      allowDatapathOverride: false,
      podSGEnforcingMode: "standard",
      given: { serviceCIDRs: false },
      trunk: {},
      mtu: undefined,
      serviceCIDRs: [],
      hostRoutes: [
        "169.254.170.23/32",
        "169.254.169.254/32",
        "169.254.20.10/32",
        "fd00:ec2::23/128",
        "fd00:ec2::254/128",
        "fd16:9254:7127:1337:ffff:ffff:ffff:ffff/128",
      ],
      hostInterfaceName: "host0",
      manageEarlyDemux: false,
      pluginLogFile: "/var/log/branchline/plugin.log",
      pluginLogLevel: "info",
      listFile: undefined,
      runtimeConfig: {},
    });
  });

  it("reads every key", () => {
    const { config, warnings } = read({
      ...ON,
      missingAnnotation: "refuse",
      branchTimeout: 100,
      gatewayTimeout: 0,
      exemptNamespaces: ["kube-system"],
      alreadyAttached: "pass",
      families: ["6", "4", "6"],
      podSGEnforcingMode: "standard",
      datapath: "direct",
      allowDatapathOverride: "true",
      trunk: { interface: "eth1" },
      mtu: "9001",
      serviceCIDRs: ["10.100.0.0/16", "FD00:10::/108"],
      hostRoutes: ["169.254.20.10/32"],
      hostInterfaceName: "node0",
      manageEarlyDemux: false,
      pluginLogFile: "stderr",
      pluginLogLevel: "DEBUG",
      listFile: "/etc/cni/net.d/05-branchline.conflist",
      runtimeConfig: { "io.kubernetes.cri.pod-annotations": null },
    });
    expect(warnings).toEqual([]);
    expect(config).toEqual({
      enablePodENI: true,
      missingAnnotation: "refuse",
      branchTimeout: 100,
      gatewayTimeout: 0,
      exemptNamespaces: ["kube-system"],
      alreadyAttached: "pass",
      families: [4, 6],
      datapath: "direct",
      allowDatapathOverride: true,
      podSGEnforcingMode: "standard",
      given: { podSGEnforcingMode: "standard", serviceCIDRs: true },
      trunk: { interface: "eth1" },
      mtu: 9001,
      serviceCIDRs: [
        { address: "10.100.0.0", length: 16 },
        { address: "fd00:10::", length: 108 },
      ],
      hostRoutes: [{ address: "169.254.20.10", length: 32 }],
      hostInterfaceName: "node0",
      manageEarlyDemux: false,
      pluginLogFile: "stderr",
      pluginLogLevel: "debug",
      listFile: "/etc/cni/net.d/05-branchline.conflist",
      runtimeConfig: { "io.kubernetes.cri.pod-annotations": null },
    });
  });

  it.each([
    [{ enablePodENI: true }, {}, true],
    [{ enablePodENI: "true" }, {}, true],
    [{ enablePodENI: false }, {}, false],
    [{ enablePodENI: "false" }, {}, false],
    [{ enablePodENI: null }, {}, false],
    [{}, { ENABLE_POD_ENI: "true" }, true],
    [{}, { ENABLE_POD_ENI: "false" }, false],
    [{}, { ENABLE_POD_ENI: "" }, false],
    [{ enablePodENI: false }, { ENABLE_POD_ENI: "true" }, false],
    [{ enablePodENI: "true" }, { ENABLE_POD_ENI: "false" }, true],
    [{ enablePodENI: "true" }, { ENABLE_POD_ENI: "nonsense" }, true],
  ])("%j with %j: enabled is %s", (own, env, expected) => {
    expect(read({ ...own, serviceCIDRs: [] }, env).config.enablePodENI).toBe(expected);
  });

  const MODE = "POD_SECURITY_GROUP_ENFORCING_MODE";
  it.each([
    [{}, {}, "standard"],
    [{ datapath: "direct" }, {}, "standard"],
    [{ datapath: "routed" }, {}, "strict"],
    [{ datapath: "routed" }, { [MODE]: "standard" }, "standard"],
    [{ datapath: "auto" }, {}, "strict"],
    [{ datapath: "auto" }, { [MODE]: "standard" }, "standard"],
    [{ datapath: "routed" }, { [MODE]: "" }, "strict"],
    [{ datapath: "routed", podSGEnforcingMode: "strict" }, { [MODE]: "standard" }, "strict"],
    [{ podSGEnforcingMode: "standard" }, { [MODE]: "strict" }, "standard"],
  ])("%j with %j: the mode is %s", (own, env, expected) => {
    expect(read(own, env).config.podSGEnforcingMode).toBe(expected);
  });

  it.each([
    [{ mac: "02:AA:bb:cc:dd:ee" }, { mac: "02:aa:bb:cc:dd:ee" }],
    [{ interface: "eth1" }, { interface: "eth1" }],
    [{ interface: null }, {}],
    [{}, {}],
    [null, {}],
  ])("the trunk %j is %j", (trunk, expected) => expect(read({ trunk }).config.trunk).toEqual(expected));

  it.each([
    [1500, 1500],
    ["1500", 1500],
    [68, 68],
    ["65535", 65_535],
    [null, undefined],
  ])("the MTU %j is %j", (mtu, expected) => expect(read({ mtu }).config.mtu).toBe(expected));

  it("drops repeated networks", () => {
    const { serviceCIDRs } = read({ ...ON, serviceCIDRs: ["fd00::/32", "FD00::/32", "10.0.0.0/8"] }).config;
    expect(serviceCIDRs.map(formatPrefix)).toEqual(["fd00::/32", "10.0.0.0/8"]);
  });

  it.each(["serviceCIDRs", "hostRoutes"])("takes 256 networks in %s, and no more", (key) => {
    const networks = (count: number) =>
      Array.from({ length: count }, (_, i) => `10.${i >> 8}.${i & 0xff}.0/24`);
    expect(() => read({ ...ON, [key]: networks(256) })).not.toThrow();
    expect(() => read({ ...ON, [key]: networks(257) })).toThrow(
      new CniError(7, `${key} has 257 networks, more than the 256 it may have`),
    );
  });

  it("needs serviceCIDRs for direct only, and only while branches are on", () => {
    expect(() => read({ enablePodENI: true })).toThrow(/^serviceCIDRs is missing: datapath "direct" needs/);
    expect(() => read({ enablePodENI: true, serviceCIDRs: null })).toThrow("serviceCIDRs is missing");
    expect(() => read({}, { ENABLE_POD_ENI: "true" })).toThrow("serviceCIDRs is missing");
    expect(read({ enablePodENI: false }).config.serviceCIDRs).toEqual([]);
    expect(read({ enablePodENI: true, serviceCIDRs: [] }).config.serviceCIDRs).toEqual([]);
    expect(() => read({ enablePodENI: true, datapath: "auto" })).toThrow(
      /^serviceCIDRs is missing: datapath "auto"/,
    );
    expect(read({ enablePodENI: true, datapath: "routed" }).config.serviceCIDRs).toEqual([]);
  });
});

describe("forDatapath", () => {
  const entry = (fields: JsonObject) => read({ enablePodENI: true, ...fields }).config;

  it.each([
    [{ datapath: "auto", serviceCIDRs: [] }, "direct", "standard"],
    [{ datapath: "auto", serviceCIDRs: [] }, "routed", "strict"],
    [{ datapath: "auto", serviceCIDRs: [], podSGEnforcingMode: "standard" }, "routed", "standard"],
    [{ datapath: "direct", serviceCIDRs: [] }, "routed", "strict"],
    [{ datapath: "direct", serviceCIDRs: [], podSGEnforcingMode: "standard" }, "routed", "standard"],
    [{ datapath: "routed", serviceCIDRs: [] }, "direct", "standard"],
    [{ datapath: "routed" }, "routed", "strict"],
  ] as const)("%j as %s: %s", (fields, datapath, mode) => {
    expect(forDatapath(entry(fields), datapath)).toMatchObject({ datapath, podSGEnforcingMode: mode });
  });

  it("refuses what the entry has not got for a datapath that is not its own", () => {
    expect(() => forDatapath(entry({ datapath: "routed" }), "direct")).toThrow(
      /^serviceCIDRs is missing: datapath "direct" needs/,
    );
    const strict = entry({ datapath: "routed", serviceCIDRs: [], podSGEnforcingMode: "strict" });
    expect(() => forDatapath(strict, "direct")).toThrow(
      'podSGEnforcingMode "strict" is not possible with datapath "direct"',
    );
  });
});

describe("readConfig refuses", () => {
  const wrong: [string, string, Record<string, string>][] = [
    ['{"enablePodENI":"yes"}', 'enablePodENI "yes" is neither true nor false', {}],
    ['{"enablePodENI":"True"}', 'enablePodENI "True" is neither', {}],
    ['{"enablePodENI":1}', "enablePodENI 1 is neither", {}],
    ['{"enablePodENI":""}', 'enablePodENI "" is neither', {}],
    ["{}", 'environment variable ENABLE_POD_ENI "1" is neither', { ENABLE_POD_ENI: "1" }],
    ['{"datapath":"Direct"}', 'datapath "Direct" is neither "direct" nor "routed" nor "auto"', {}],
    [
      '{"datapath":"auto","podSGEnforcingMode":"strict"}',
      'podSGEnforcingMode "strict" is not possible with datapath "auto"',
      {},
    ],
    [
      '{"datapath":"auto"}',
      'environment variable POD_SECURITY_GROUP_ENFORCING_MODE "strict" is not possible with datapath "auto"',
      { POD_SECURITY_GROUP_ENFORCING_MODE: "strict" },
    ],
    ['{"datapath":false}', "datapath false is neither", {}],
    ['{"podSGEnforcingMode":"lax"}', 'podSGEnforcingMode "lax" is neither "standard" nor "strict"', {}],
    ['{"podSGEnforcingMode":""}', 'podSGEnforcingMode "" is neither', {}],
    ['{"podSGEnforcingMode":"Strict"}', 'podSGEnforcingMode "Strict" is neither', {}],
    ['{"podSGEnforcingMode":1}', "podSGEnforcingMode 1 is neither", {}],
    ['{"podSGEnforcingMode":true}', "podSGEnforcingMode true is neither", {}],
    [
      '{"podSGEnforcingMode":"strict"}',
      'podSGEnforcingMode "strict" is not possible with datapath "direct"',
      {},
    ],
    [
      "{}",
      'environment variable POD_SECURITY_GROUP_ENFORCING_MODE "strict" is not possible',
      { POD_SECURITY_GROUP_ENFORCING_MODE: "strict" },
    ],
    [
      '{"datapath":"routed"}',
      'environment variable POD_SECURITY_GROUP_ENFORCING_MODE "lax" is neither',
      { POD_SECURITY_GROUP_ENFORCING_MODE: "lax" },
    ],
    ['{"trunk":"eth1"}', 'trunk "eth1" is not an object', {}],
    ['{"trunk":{"interface":"a/b"}}', 'trunk.interface "a/b" contains a slash', {}],
    ['{"trunk":{"interface":5}}', "trunk.interface 5 is not a string", {}],
    ['{"trunk":{"interface":""}}', 'trunk.interface "" is empty', {}],
    ['{"trunk":{"mac":"eth1"}}', 'trunk.mac "eth1" is not a MAC address', {}],
    ['{"trunk":{"mac":5}}', "trunk.mac 5 is not a string", {}],
    ['{"trunk":{"mac":"01:00:5e:00:00:01"}}', "is a multicast address", {}],
    ['{"trunk":{"mac":"02:00:00:00:00:01","interface":"eth1"}}', "gives both interface and mac", {}],
    ['{"mtu":67}', "mtu 67 is outside 68 to 65535", {}],
    ['{"mtu":65536}', "mtu 65536 is outside", {}],
    ['{"mtu":0}', "mtu 0 is outside", {}],
    ['{"mtu":1500.5}', "mtu 1500.5 is not a whole number", {}],
    ['{"mtu":1500.0}', "mtu 1500.0 is not a whole number", {}],
    ['{"mtu":""}', 'mtu "" is not a whole number', {}],
    ['{"mtu":"0x5dc"}', 'mtu "0x5dc" is not', {}],
    ['{"mtu":" 1500"}', 'mtu " 1500" is not', {}],
    ['{"mtu":"-1"}', 'mtu "-1" is not', {}],
    ['{"mtu":true}', "mtu true is not", {}],
    ['{"serviceCIDRs":"10.0.0.0/8"}', 'serviceCIDRs "10.0.0.0/8" is not a list', {}],
    ['{"serviceCIDRs":[5]}', "serviceCIDRs[0] 5 is not a network", {}],
    ['{"serviceCIDRs":["10.0.0.0/8","x"]}', 'serviceCIDRs[1] "x" is not a network', {}],
    ['{"serviceCIDRs":["10.0.0.0"]}', 'serviceCIDRs[0] "10.0.0.0" is not a network (address/length)', {}],
    [
      '{"serviceCIDRs":["10.100.0.1/16"]}',
      'serviceCIDRs[0] "10.100.0.1/16" has host bits set: the network is 10.100.0.0/16',
      {},
    ],
    ['{"serviceCIDRs":["0.0.0.0/0"]}', "would take most traffic past the branch", {}],
    ['{"serviceCIDRs":["0.0.0.0/1"]}', 'serviceCIDRs[0] "0.0.0.0/1" is wider than /8', {}],
    ['{"serviceCIDRs":["10.0.0.0/7"]}', 'serviceCIDRs[0] "10.0.0.0/7" is wider than /8', {}],
    ['{"serviceCIDRs":["10.0.0.0/8","fd00::/31"]}', 'serviceCIDRs[1] "fd00::/31" is wider than /32', {}],
    ['{"hostRoutes":["128.0.0.0/1"]}', 'hostRoutes[0] "128.0.0.0/1" is wider than /8', {}],
    ['{"missingAnnotation":"pas"}', 'missingAnnotation "pas" is none of ask, pass, refuse', {}],
    ['{"missingAnnotation":false}', "missingAnnotation false is none of ask, pass, refuse", {}],
    ['{"branchTimeout":0}', "branchTimeout 0 is outside 1 to 100 seconds", {}],
    ['{"branchTimeout":101}', "branchTimeout 101 is outside 1 to 100 seconds", {}],
    ['{"branchTimeout":"30"}', 'branchTimeout "30" is not a whole number of seconds', {}],
    ['{"gatewayTimeout":-1}', "gatewayTimeout -1 is outside 0 to 100 seconds", {}],
    ['{"gatewayTimeout":1.5}', "gatewayTimeout 1.5 is not a whole number of seconds", {}],
    ['{"exemptNamespaces":"kube-system"}', 'exemptNamespaces "kube-system" is not a list', {}],
    [
      '{"exemptNamespaces":["Kube"]}',
      'exemptNamespaces[0] "Kube" is not the name of a Kubernetes namespace',
      {},
    ],
    ['{"exemptNamespaces":["*"]}', 'exemptNamespaces[0] "*" is not the name', {}],
    ['{"alreadyAttached":"ignore"}', 'alreadyAttached "ignore" is none of refuse, pass', {}],
    ['{"families":[]}', 'families [] is not a list of "4" and "6"', {}],
    ['{"families":["4",6]}', 'families[1] 6 is neither "4" nor "6"', {}],
    ['{"families":"4"}', 'families "4" is not a list', {}],
    ['{"allowDatapathOverride":"yes"}', 'allowDatapathOverride "yes" is neither true nor false', {}],
    ['{"hostRoutes":{}}', "hostRoutes {} is not a list", {}],
    ['{"hostRoutes":["fd00::1/64"]}', 'hostRoutes[0] "fd00::1/64" has host bits set', {}],
    ['{"hostRoutes":["::/0"]}', "would take most traffic past the branch", {}],
    ['{"hostInterfaceName":"a b"}', 'hostInterfaceName "a b" contains', {}],
    ['{"hostInterfaceName":"1234567890123456"}', "is longer than 15 bytes", {}],
    ['{"hostInterfaceName":""}', 'hostInterfaceName "" is empty', {}],
    ['{"hostInterfaceName":0}', "hostInterfaceName 0 is not a string", {}],
    ['{"hostInterfaceName":"eth0"}', 'hostInterfaceName "eth0" is CNI_IFNAME', {}],
    ['{"pluginLogFile":"plugin.log"}', 'pluginLogFile "plugin.log" is neither', {}],
    ['{"pluginLogFile":"stdout"}', 'pluginLogFile "stdout" is neither', {}],
    ['{"pluginLogFile":""}', 'pluginLogFile "" is neither', {}],
    ['{"pluginLogFile":1}', "pluginLogFile 1 is neither", {}],
    ['{"pluginLogLevel":"loud"}', 'pluginLogLevel "loud" is none of', {}],
    ['{"pluginLogLevel":3}', "pluginLogLevel 3 is none of", {}],
    ['{"listFile":"net.d/05-branchline.conflist"}', 'listFile "net.d/05-branchline.conflist" is not an', {}],
    ['{"listFile":[]}', "listFile [] is not an absolute path", {}],
    ['{"runtimeConfig":[]}', "runtimeConfig [] is not an object", {}],
  ];

  it.each(wrong)("%s", (text, message, env) => {
    const run = () => readConfig(raw(text), env, { ifName: "eth0" });
    expect(run).toThrow(message);
    expect(run).toThrow(expect.objectContaining({ code: 7 }));
  });

  it.each(wrong)("leniently %s: warns, and takes the default", (text, message, env) => {
    const { config, warnings } = readConfig(raw(text), env, { ifName: "eth0", lenient: true });
    expect(warnings.join("\n")).toContain(message);
    expect(config).toEqual({
      ...readConfig({}, {}).config,
      datapath: /"(routed|auto)"/.exec(text)?.[1] ?? "direct",
      podSGEnforcingMode: /"(routed|auto)"/.test(text) ? "strict" : "standard",
    });
  });

  it("the default host interface name for a branch of the same name", () => {
    expect(() => read({}, {}, { ifName: "host0" })).toThrow('hostInterfaceName "host0" is CNI_IFNAME');
  });

  it("nothing leniently that a CniError does not say", () => {
    const trap = new Proxy(
      {},
      {
        get: () => {
          throw new TypeError("a defect of ours");
        },
      },
    );
    expect(() => readConfig({}, trap, { lenient: true })).toThrow(TypeError);
    expect(() => readConfig({}, trap, { lenient: true })).not.toThrow(CniError);
  });
});

describe("readConfig warns", () => {
  it.each([
    ["serviceCidrs", "serviceCIDRs"],
    ["hostRoute", "hostRoutes"],
    ["MTU", "mtu"],
    ["enablePodEni", "enablePodENI"],
    ["podSgEnforcingMode", "podSGEnforcingMode"],
    ["capability", "capabilities"],
  ])("of %s once, with its nearest name", (key, known) => {
    expect(read({ [key]: 1 }).warnings).toEqual([
      `unknown key "${key}" is ignored: the nearest known one is "${known}"`,
    ]);
  });

  it("of ten unknown keys by name, and of the others by number", () => {
    const keys = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`key${i}`, null]));
    const { warnings } = readConfig(keys, {});
    expect(warnings).toHaveLength(11);
    expect(warnings.at(-1)).toBe("4990 more unknown keys are ignored");
  });

  it("of a long key by its beginning", () => {
    const { warnings } = readConfig({ ["x".repeat(100_000)]: 1 }, {});
    expect(warnings[0]?.length).toBeLessThan(250);
  });

  it("of a trunk's unknown key", () => {
    expect(read({ trunk: { interfce: "eth1" } }).warnings).toEqual([
      'unknown key "trunk.interfce" is ignored: the nearest known one is "trunk.interface"',
    ]);
  });

  it("of a key named like an object's own machinery", () => {
    expect(read(raw('{"__proto__":1}')).warnings).toHaveLength(1);
  });

  it("of no standard key", () => {
    const standard = {
      cniVersion: "1.0.0",
      name: "n",
      type: "branchline",
      args: {},
      ipMasq: true,
      ipam: {},
      dns: {},
      runtimeConfig: {},
      capabilities: {},
      prevResult: {},
      "cni.dev/valid-attachments": [],
      "cni.dev/attachments": [],
    };
    expect(read(standard).warnings).toEqual([]);
  });

  it.each([
    [{}, 1],
    [{ capabilities: {} }, 1],
    [{ capabilities: { "io.kubernetes.cri.pod-annotations": false } }, 1],
    [{ capabilities: CAPABILITY }, 0],
    [{ enablePodENI: false }, 0],
  ])("of a capability that is not asked for: %j", (own, count) => {
    const { warnings } = read({ enablePodENI: true, serviceCIDRs: [], ...own });
    expect(warnings.filter((line) => line.startsWith("capabilities lacks"))).toHaveLength(count);
  });
});
