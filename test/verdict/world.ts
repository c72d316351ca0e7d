// A world: what decides about packets, and who is to call whom in it. Plain data, so that a smaller one can be made of it.
import type { NetworkPolicy } from "../../src/verdict/facts.ts";

/** Everybody, or the network of so many bits around somebody's address. */
export type Block =
  { readonly of: string; readonly family: 4 | 6; readonly bits: number } | { readonly everybody: 4 | 6 };

export type Peer = { readonly group: string } | { readonly list: string } | { readonly block: Block };

/** Ports, or type and code of ICMP (-1: any). */
export type Range = readonly [number, number];

export interface Rule {
  readonly group: string;
  readonly isEgress: boolean;
  /** As EC2 takes it: a name, a number, "-1". */
  readonly protocol: string;
  readonly range?: Range;
  readonly peer: Peer;
}

export interface Entry {
  readonly number: number;
  readonly isEgress: boolean;
  readonly allows: boolean;
  /** An IANA number as text, or "-1". */
  readonly protocol: string;
  readonly range?: Range;
  readonly block: Block;
}

export interface Call {
  readonly from: string;
  /** A pod, a node, a machine, or an agent on the caller's node. */
  readonly to: string;
  readonly by: "address" | "service" | "agent";
  readonly family: 4 | 6;
  readonly protocol: "tcp" | "udp" | "icmp";
  readonly port: number;
}

export interface Demux {
  readonly tcp: boolean;
  readonly udp: boolean;
}

/** Nothing but calls: everything passes. */
export function emptyWorld(...calls: readonly Call[]): World {
  return { rules: [], groupsOf: {}, lists: {}, acls: {}, demux: {}, policies: [], calls };
}

export interface World {
  readonly rules: readonly Rule[];
  /** By who has them; the others have `g0`. */
  readonly groupsOf: Readonly<Record<string, readonly string[]>>;
  readonly lists: Readonly<Record<string, readonly Block[]>>;
  /** By subnet; without one everything passes. */
  readonly acls: Readonly<Record<string, readonly Entry[]>>;
  /** By node; both are off where there is none. */
  readonly demux: Readonly<Record<string, Demux>>;
  readonly policies: readonly NetworkPolicy[];
  readonly calls: readonly Call[];
}
