import {
  type Lines,
  addressLine,
  linkLine,
  neighbourLine,
  nftablesLine,
  routeLine,
  ruleLine,
  sysctlLine,
} from "./lines.ts";
import { type Family, addressesOf, eniOf, mtu, node, primaryOf, vpcGateway } from "./pool.ts";
import { type Attachment, type SandboxState, type World, attachmentOf, sandboxesIn } from "./world.ts";

/** What the node's own namespace holds (docs/architecture.md; the routed datapath's is what aws-cni leaves). */

/** What another maker has on the node, as aws-cni would: nobody's business. */
export const neighbour = {
  vlan: "vlan.eth.99",
  vlanId: 99,
  mac: "02:aa:00:00:00:63",
  table: "199",
  strictRule: { family: 4, priority: 10, inputDevice: "vlan.eth.98", table: "198" },
} as const;

export const trunk = { name: "eth1", mac: "02:00:00:00:00:11" } as const;

/** Whether a line is about something that changes with the world, and not with sandboxes and attachments alone. */
export function isVarying(line: string): boolean {
  const rules = ([4, 6] as const).map(localRules).flatMap(({ home, moved }) => [...home, ...moved]);
  return new Set([...varying(true), ...varying(false), ...rules]).has(line);
}

/** The trunk, and what of another maker hangs on it. */
function varying(trunkUp: boolean, neighboursRoutes = true): string[] {
  const by = { family: 4, table: neighbour.table, device: neighbour.vlan, protocol: "boot" } as const;
  return [
    linkLine({ ...trunk, kind: "veth", mtu, up: trunkUp }),
    linkLine({
      name: neighbour.vlan,
      kind: "vlan",
      vlan: { id: neighbour.vlanId, on: trunk.name },
      mac: neighbour.mac,
      mtu,
      up: trunkUp,
    }),
    ...(neighboursRoutes
      ? [
          routeLine({ ...by, to: vpcGateway[4], scope: "link" }),
          routeLine({ ...by, to: "default", via: vpcGateway[4], scope: "global" }),
        ]
      : []),
    sysctlLine("ipv4/tcp_early_demux", "1"),
  ];
}

/** `base`: what was there before any sandbox, with what varies. */
export function nodeLines(world: World, base: readonly string[]): Lines {
  const shared = sharedLines(world);
  const primaries = sandboxesIn(world).map((state) => primaryLines(world, state));
  const branches = world.attachments.map((attachment) => {
    if (!attachment.loose) return { required: branchLines(world, attachment), optional: [] };
    const optional = new Set([...branchLines(world, attachment), ...midway(world, attachment)]);
    return { required: [], optional: [...optional] };
  });
  const all = [shared, ...primaries, ...branches];
  return {
    required: [
      ...base.filter((line) => !isVarying(line)),
      ...varying(world.trunkUp, world.neighboursRoutes).filter((line) => !line.startsWith("sysctl")),
      ...(world.strictNeighbour ? [ruleLine(neighbour.strictRule)] : []),
      ...all.flatMap(({ required }) => required),
    ],
    optional: all.flatMap(({ optional }) => optional),
  };
}

function localRules(family: Family): { home: string[]; moved: string[] } {
  const local = { family, table: "local", protocol: "kernel" } as const;
  return {
    home: [ruleLine({ ...local, priority: 0 })],
    moved: [
      ruleLine({ ...local, priority: 20 }),
      ...(family === 6
        ? [ruleLine({ ...local, priority: 0, from: vpcGateway[6], ipProtocol: "ipv6-icmp" })]
        : []),
    ],
  };
}

function sharedLines({ shared: { localRule, earlyDemux } }: World): Lines {
  const rules = ([4, 6] as const).map((family) => ({ is: localRule[family], ...localRules(family) }));
  const demux = ["on", "off"].map((state) => sysctlLine("ipv4/tcp_early_demux", state === "on" ? "1" : "0"));
  const [on = "", off = ""] = demux;
  return {
    required: [
      ...rules.flatMap(({ is, home, moved }) => ({ home, moved, between: [] })[is]),
      ...(earlyDemux === "on" ? [on] : []),
      ...(earlyDemux === "off" ? [off] : []),
    ],
    optional: [
      ...rules.flatMap(({ is, home, moved }) => (is === "between" ? [...home, ...moved] : [])),
      ...(earlyDemux === "either" ? demux : []),
    ],
  };
}

/** The primary's end of a sandbox. Its way to the pod gives way to a routed branch; its DEL takes its rules. */
function primaryLines(world: World, state: SandboxState): Lines {
  if (state.buried) return { required: [], optional: [] };
  const primary = primaryOf(state.spec);
  const own = attachmentOf(world, state.spec.id);
  const rules = addressesOf(primary).map(({ family, address }) =>
    ruleLine({ family, priority: 512, to: address, table: "main" }),
  );
  const routes = addressesOf(primary).flatMap(({ family, address }) =>
    state.veth ? [toPod(family, address, primary.veth, "main", "boot")] : [],
  );
  const isThere = own === undefined || own.mode === "direct";
  return {
    required: [
      ...(state.veth
        ? [linkLine({ name: primary.veth, kind: "veth", mac: primary.vethMac, mtu, up: true })]
        : []),
      ...(isThere ? routes : []),
      ...(isThere && state.rules === "there" ? rules : []),
    ],
    optional: [
      ...(!isThere && own.loose ? [...routes, ...rules] : []),
      ...(isThere && state.rules === "maybe" ? rules : []),
    ],
  };
}

function branchLines(world: World, attachment: Attachment): string[] {
  const state = world.sandboxes[attachment.sandbox];
  if (state === undefined) return [];
  return attachment.mode === "direct" ? direct(state, attachment) : routed(world, state, attachment);
}

/** What else may be there while an attachment is made or taken back: its device down, or with a new one's parameters. */
function midway(world: World, attachment: Attachment): string[] {
  const { vlanId } = eniOf(attachment.eni);
  return [
    ...branchLines({ ...world, trunkUp: !world.trunkUp }, attachment),
    ...VLAN_PARAMETERS.flatMap(([name]) =>
      ["0", "1"].map((value) => sysctlLine(`ipv6/conf/vlan.eth.${vlanId}/${name}`, value)),
    ),
  ];
}

/** As aws-cni sets them. */
const VLAN_PARAMETERS = [
  ["accept_ra", "0"],
  ["accept_redirects", "1"],
  ["forwarding", "0"],
] as const;

/** Only what the node itself sends takes the short way, for the families in which the primary gave one. */
function direct({ spec, veth }: SandboxState, { eni }: Attachment): string[] {
  const branch = eniOf(eni);
  const primary = primaryOf(spec);
  const table = String(100 + branch.vlanId);
  return addressesOf(branch)
    .filter(({ family }) => spec.families.includes(family))
    .flatMap(({ family, address }) => [
      ruleLine({ family, priority: 512, to: address, inputDevice: "lo", table }),
      // There is a Service network of each family.
      nftablesLine(family, `branchline-${branch.vlanId}`),
      ...(veth
        ? [
            toPod(family, address, primary.veth, table, "static", family === 4 ? node.ipv4 : node.ipv6),
            neighbourLine(primary.veth, address, primary.podMac),
            ...(family === 4
              ? [
                  addressLine({
                    device: primary.veth,
                    address: `${node.ipv4}/32`,
                    scope: "global",
                    flags: ["noprefixroute"],
                  }),
                ]
              : []),
          ]
        : []),
    ]);
}

function routed(world: World, { spec, veth }: SandboxState, { eni, mode, flushed }: Attachment): string[] {
  const branch = eniOf(eni);
  const primary = primaryOf(spec);
  const table = String(100 + branch.vlanId);
  const device = `vlan.eth.${branch.vlanId}`;
  return [
    linkLine({
      name: device,
      kind: "vlan",
      vlan: { id: branch.vlanId, on: trunk.name },
      mac: branch.mac,
      mtu,
      up: world.trunkUp,
    }),
    ...VLAN_PARAMETERS.map(([name, value]) => sysctlLine(`ipv6/conf/${device}/${name}`, value)),
    ...addressesOf(branch).flatMap(({ family, address }) => {
      const by = { family, table, device, protocol: "static", ...(family === 6 && { metric: 1024 }) };
      return [
        // Whatever becomes of the trunk.
        routeLine({
          family,
          table,
          type: "unreachable",
          to: "default",
          ...(family === 6 && { device: "lo" }),
          metric: 4_294_967_295,
          protocol: "static",
          scope: "global",
        }),
        ...(flushed
          ? []
          : [
              routeLine({ ...by, to: vpcGateway[family], scope: family === 4 ? "link" : "global" }),
              routeLine({ ...by, to: "default", via: vpcGateway[family], scope: "global" }),
            ]),
        ...(veth ? [toPod(family, address, primary.veth, mode === "strict" ? table : "main", "static")] : []),
        ...(mode === "strict"
          ? [device, primary.veth].map((inputDevice) =>
              ruleLine({ family, priority: 10, inputDevice, table }),
            )
          : [
              ruleLine({ family, priority: 512, to: address, table: "main" }),
              ruleLine({ family, priority: 1536, from: address, table }),
            ]),
      ];
    }),
  ];
}

function toPod(
  family: Family,
  to: string,
  device: string,
  table: string,
  protocol: string,
  source?: string,
): string {
  return routeLine({
    family,
    table,
    to,
    device,
    protocol,
    ...(source !== undefined && { source }),
    ...(family === 6 && { metric: 1024 }),
    scope: family === 4 ? "link" : "global",
  });
}

/** Another maker's pod with a VLAN device of the trunk in it: that goes down and up with the trunk, no more. */
export function neighboursPodLines({ trunkUp }: World, base: readonly string[]): Lines {
  const required = base.map((line) =>
    !trunkUp && line.startsWith("link branch98 ") ? line.replace(/up$/, "down") : line,
  );
  return { required, optional: [] };
}
