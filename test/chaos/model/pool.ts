/**
 * What the node has to do with: more pods than branch ENIs at a time, more branch ENIs than VLAN ids. Everything about
 * a branch and a sandbox follows from its number, so that a sequence of operations is whole without its generator.
 */

export type Family = 4 | 6;

export const PODS = 40;
export const VLAN_IDS = 16;
/** Four for each VLAN id: EC2 gives an id again as soon as its branch is gone. */
export const ENIS = 4 * VLAN_IDS;

export const node = { ipv4: "10.0.0.10", ipv6: "2001:db8:1::10" } as const;
export const subnet = { ipv4: "10.0.0.0/16", ipv6: "2001:db8:1::/64" } as const;
export const vpcGateway = { 4: "10.0.0.1", 6: "fe80:ec2::1" } as const;
export const podGateway = { 4: "169.254.1.1", 6: "fe80::1" } as const;
export const services = ["172.20.0.0/16", "fd00:20::/108"] as const;
export const mtu = 9001;

/** A branch ENI. */
export interface Eni {
  readonly number: number;
  readonly eniId: string;
  readonly vlanId: number;
  readonly mac: string;
  readonly addresses: Readonly<Partial<Record<Family, string>>>;
}

const FAMILIES: readonly (readonly Family[])[] = [[4, 6], [4], [6], [4, 6]];

export function eniOf(number: number): Eni {
  const families = FAMILIES[Math.floor(number / VLAN_IDS)] ?? [4];
  return {
    number,
    eniId: `eni-0b${hex(number).padStart(15, "0")}`,
    vlanId: vlanIdOf(number),
    mac: `02:b1:00:00:00:${hex(number)}`,
    addresses: pick(families, { 4: `10.0.1.${number + 1}`, 6: `2001:db8:1::1${hex(number)}` }),
  };
}

export function vlanIdOf(eni: number): number {
  return 1 + (eni % VLAN_IDS);
}

/** The value of the pod's annotation, as its controller writes it. */
export function annotationOf(eni: Eni): string {
  const { addresses } = eni;
  return JSON.stringify([
    {
      eniId: eni.eniId,
      ifAddress: eni.mac,
      privateIp: addresses[4] ?? "",
      ipv6Addr: addresses[6] ?? "",
      vlanId: eni.vlanId,
      subnetCidr: addresses[4] === undefined ? "" : subnet.ipv4,
      subnetV6Cidr: addresses[6] === undefined ? "" : subnet.ipv6,
      associationID: `trunk-assoc-${hex(eni.number).padStart(17, "0")}`,
    },
  ]);
}

/** One sandbox of a pod: a namespace that the primary plugin has wired, and the container id that it is called by. */
export interface Sandbox {
  readonly id: number;
  readonly pod: number;
  /** Counts the pods that had this name: each has a UID of its own. */
  readonly incarnation: number;
  /** Those that the primary gave an address of. */
  readonly families: readonly Family[];
  /** Name of its namespace; one that comes after another of the same name has the same path. */
  readonly netns: string;
  /** The runtime switched IPv6 off in it, taking it for IPv4's. */
  readonly withoutIpv6?: true;
}

export function containerOf(id: number): string {
  return `container-${id}`;
}

export function uidOf({ pod, incarnation }: Pick<Sandbox, "pod" | "incarnation">): string {
  return `uid-${pod}-${incarnation}`;
}

export function podName(pod: number): string {
  return `web-${pod}`;
}

/** What the primary plugin made for a sandbox, as aws-cni does for a pod without a branch. */
export interface Primary {
  /** The node's end of the veth pair. */
  readonly veth: string;
  readonly vethMac: string;
  readonly podMac: string;
  readonly addresses: Readonly<Partial<Record<Family, string>>>;
}

export function primaryOf({ id, families }: Sandbox): Primary {
  const [high, low] = [(id >> 8) & 255, id & 255];
  const last = `${hex(high)}:${hex(low)}`;
  return {
    veth: `eni${id}`,
    vethMac: `02:0e:00:00:${last}`,
    podMac: `02:0f:00:00:${last}`,
    addresses: pick(families, { 4: `10.1.${high}.${low}`, 6: `fd01::${id.toString(16)}` }),
  };
}

/** The families of something that has an address for some, with it. */
export function addressesOf(of: {
  readonly addresses: Readonly<Partial<Record<Family, string>>>;
}): { readonly family: Family; readonly address: string }[] {
  return ([4, 6] as const).flatMap((family) => {
    const address = of.addresses[family];
    return address === undefined ? [] : [{ family, address }];
  });
}

function pick(families: readonly Family[], all: Readonly<Record<Family, string>>) {
  return {
    ...(families.includes(4) && { 4: all[4] }),
    ...(families.includes(6) && { 6: all[6] }),
  };
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}
