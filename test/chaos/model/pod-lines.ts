import {
  type Lines,
  addressLine,
  linkLine,
  neighbourLine,
  routeLine,
  ruleLine,
  sysctlLine,
} from "./lines.ts";
import {
  type Family,
  type Sandbox,
  addressesOf,
  eniOf,
  mtu,
  node,
  podGateway,
  primaryOf,
  services,
  subnet,
  vpcGateway,
} from "./pool.ts";
import { type Attachment, type SandboxState, type World, attachmentOf } from "./world.ts";

/** What a pod's namespace holds: as its primary left it, or with its branch (README.md, docs/configuration.md). */

export interface Surroundings {
  /** ifindex of the trunk, by which a VLAN device in another namespace names its parent. */
  readonly trunkIndex: number;
  /** What a device's parameters are that nobody has touched: `ipv4/rp_filter`, `ipv6/accept_dad`, … */
  readonly usual: Readonly<Record<"loopback" | "device", Readonly<Record<string, string>>>>;
}

/** DNS and time, as the VPC serves them. */
const vpcServices = "169.254.169.0/24";

const agents: Readonly<Record<Family, readonly string[]>> = {
  4: ["169.254.170.23", "169.254.169.254", "169.254.20.10"],
  6: ["fd00:ec2::23", "fd00:ec2::254", "fd16:9254:7127:1337:ffff:ffff:ffff:ffff"],
};

/** Undefined where any part of a branch may be there: a call was killed. */
export function podLines(world: World, state: SandboxState, around: Surroundings): Lines | undefined {
  const own = attachmentOf(world, state.spec.id);
  if (own?.loose === true || state.littered) return undefined;
  const lines =
    own === undefined
      ? untouched(state)
      : own.mode === "direct"
        ? direct(world, state, own, around)
        : routed(state, own);
  const changed = sysctls(state, own);
  const devices = ["lo", ...(own?.mode === "direct" ? ["eth0"] : []), ...(state.veth ? [vethName(own)] : [])];
  return {
    required: [
      ...lines,
      ...loopback(changed["ipv6/conf/lo/disable_ipv6"] === "1"),
      ...([4, 6] as const).flatMap(kernelsRules),
      ...devices.flatMap((device) =>
        Object.entries(around.usual[device === "lo" ? "loopback" : "device"]).map(([parameter, value]) => {
          const key = parameter.replace("/", `/conf/${device}/`);
          return sysctlLine(key, changed[key] ?? value);
        }),
      ),
    ],
    optional: [],
  };
}

function vethName(own: Attachment | undefined): string {
  return own?.mode === "direct" ? "host0" : "eth0";
}

function untouched({ spec, veth }: SandboxState): string[] {
  if (!veth) return [];
  const primary = primaryOf(spec);
  return [
    pair(spec, "eth0"),
    ...addressesOf(primary).flatMap(({ family, address }) => [
      hostAddress("eth0", family, address, family === 6 ? ["nodad"] : []),
      ...ownPrefix("eth0", family, address),
      ...wayOut("eth0", family, "main", "boot"),
      neighbourLine("eth0", podGateway[family], primary.vethMac),
    ]),
  ];
}

/** The branch is eth0, and the primary's interface stands beside it for what lives on the node. */
function direct(
  world: World,
  { spec, veth }: SandboxState,
  { eni, flushed }: Attachment,
  around: Surroundings,
): string[] {
  const branch = eniOf(eni);
  const table = String(100 + branch.vlanId);
  const hasIpv4 = addressesOf(branch).some(({ family }) => family === 4);
  return [
    linkLine({
      name: "eth0",
      kind: "vlan",
      vlan: { id: branch.vlanId, on: `#${around.trunkIndex}` },
      mac: branch.mac,
      mtu,
      up: world.trunkUp,
    }),
    ...addressesOf(branch).flatMap((one) => ofBranch(one, flushed, world.trunkUp)),
    ...(veth ? [pair(spec, "host0")] : []),
    ...addressesOf(primaryOf(spec)).flatMap(({ family, address }) => [
      ruleLine({ family, priority: 1536, from: address, table }),
      ...(veth ? beside(spec, family, address, table, hasIpv4) : []),
    ]),
  ];
}

/** When the trunk goes down the kernel takes all routes by the device and its IPv6 addresses; up brings back its own. */
function ofBranch(
  { family, address }: { family: Family; address: string },
  flushed: boolean,
  up: boolean,
): string[] {
  const by = { family, table: "main", device: "eth0" } as const;
  const metric = family === 6 ? { metric: 1024 } : {};
  const defaults = routeLine({
    ...by,
    ...metric,
    to: "default",
    via: vpcGateway[family],
    protocol: "static",
    scope: "global",
  });
  const lastResort = (to: string) =>
    routeLine({
      family,
      table: "main",
      type: "unreachable",
      to,
      ...(family === 6 && { device: "lo" }),
      metric: 4_294_967_295,
      protocol: "static",
      scope: "global",
    });
  if (family === 6) {
    if (flushed) return [lastResort("default")];
    return [
      lastResort("default"),
      hostAddress("eth0", 6, address, ["nodad"]),
      ...ownPrefix("eth0", 6, address),
      defaults,
    ];
  }
  const length = subnet.ipv4.split("/")[1];
  const connected = { ...by, to: subnet.ipv4, source: address, protocol: "kernel", scope: "link" };
  return [
    addressLine({ device: "eth0", address: `${address}/${length}`, scope: "global" }),
    ...(up ? [routeLine(connected)] : []),
    lastResort("default"),
    lastResort(vpcServices),
    ...(flushed
      ? []
      : [
          defaults,
          routeLine({ ...by, to: vpcServices, via: vpcGateway[4], protocol: "static", scope: "global" }),
        ]),
  ];
}

function beside(spec: Sandbox, family: Family, address: string, table: string, hasIpv4: boolean): string[] {
  const via = podGateway[family];
  const metric = family === 6 ? { metric: 1024 } : {};
  // A branch without IPv4 is sent nothing from there.
  const linkLocal = family === 4 && hasIpv4 ? ["169.254.0.0/16"] : [];
  const own = family === 4 ? node.ipv4 : node.ipv6;
  const wanted = [own, ...servicesOf(family), ...agents[family], ...linkLocal];
  const by = { family, table: "main", device: "host0", protocol: "static", ...metric } as const;
  return [
    hostAddress("host0", family, address, family === 6 ? ["noprefixroute", "nodad"].sort() : []),
    routeLine({ ...by, to: via, scope: family === 4 ? "link" : "global" }),
    ...wanted.map((to) => routeLine({ ...by, to, via, source: address, scope: "global" })),
    ...wayOut("host0", family, table, "boot"),
    neighbourLine("host0", via, primaryOf(spec).vethMac),
  ];
}

/** The primary's interface with the branch's address. */
function routed({ spec, veth }: SandboxState, { eni }: Attachment): string[] {
  if (!veth) return [];
  return [
    pair(spec, "eth0"),
    ...addressesOf(eniOf(eni)).flatMap(({ family, address }) => [
      hostAddress("eth0", family, address, []),
      ...ownPrefix("eth0", family, address),
      ...wayOut("eth0", family, "main", "static"),
      neighbourLine("eth0", podGateway[family], primaryOf(spec).vethMac),
    ]),
  ];
}

/** The pod's parameters that are not as usual. */
function sysctls(
  { spec, veth }: SandboxState,
  own: Attachment | undefined,
): Readonly<Record<string, string | undefined>> {
  const off = spec.withoutIpv6 === true ? "1" : undefined;
  const ipv6 = own !== undefined && eniOf(own.eni).addresses[6] !== undefined;
  if (own?.mode === "direct") {
    return {
      "ipv4/conf/eth0/rp_filter": "2",
      "ipv6/conf/eth0/accept_ra": "0",
      "ipv6/conf/eth0/accept_dad": "0",
      "ipv6/conf/eth0/disable_ipv6": ipv6 ? "0" : off,
      "ipv6/conf/lo/disable_ipv6": ipv6 ? "0" : off,
      ...(veth && {
        "ipv4/conf/host0/rp_filter": "1",
        "ipv6/conf/host0/accept_dad": "0",
        "ipv6/conf/host0/disable_ipv6": off,
      }),
    };
  }
  const value = own !== undefined && ipv6 ? "0" : off;
  return { "ipv6/conf/eth0/disable_ipv6": value, "ipv6/conf/lo/disable_ipv6": value };
}

function pair(spec: Sandbox, name: string): string {
  return linkLine({ name, kind: "veth", mac: primaryOf(spec).podMac, mtu, up: true });
}

function hostAddress(device: string, family: Family, address: string, flags: readonly string[]): string {
  return addressLine({ device, address: `${address}/${family === 4 ? 32 : 128}`, scope: "global", flags });
}

/** The kernel's own route to an IPv6 address that has not forbidden it. */
function ownPrefix(device: string, family: Family, address: string): string[] {
  if (family === 4) return [];
  return [
    routeLine({
      family,
      table: "main",
      to: address,
      device,
      metric: 256,
      protocol: "kernel",
      scope: "global",
    }),
  ];
}

/** By a gateway that is the veth's other end. */
function wayOut(device: string, family: Family, table: string, protocol: string): string[] {
  const by = { family, table, device, protocol, ...(family === 6 && { metric: 1024 }) };
  return [
    routeLine({ ...by, to: podGateway[family], scope: family === 4 ? "link" : "global" }),
    routeLine({ ...by, to: "default", via: podGateway[family], scope: "global" }),
  ];
}

function loopback(withoutIpv6: boolean): string[] {
  return [
    linkLine({ name: "lo", kind: "loopback", mac: "00:00:00:00:00:00", mtu: 65536, up: true }),
    addressLine({ device: "lo", address: "127.0.0.1/8", scope: "host" }),
    ...(withoutIpv6 ? [] : [addressLine({ device: "lo", address: "::1/128", scope: "host" })]),
  ];
}

function kernelsRules(family: Family): string[] {
  const made = (priority: number, table: string) => ruleLine({ family, priority, table, protocol: "kernel" });
  return [made(0, "local"), made(32766, "main"), ...(family === 4 ? [made(32767, "default")] : [])];
}

function servicesOf(family: Family): string[] {
  return services.filter((cidr) => cidr.includes(":") === (family === 6));
}
