/** Message types of rtnetlink (linux/rtnetlink.h). */
export const RouteMessage = {
  NEWLINK: 16,
  DELLINK: 17,
  GETLINK: 18,
  NEWADDR: 20,
  DELADDR: 21,
  GETADDR: 22,
  NEWROUTE: 24,
  DELROUTE: 25,
  GETROUTE: 26,
  NEWNEIGH: 28,
  DELNEIGH: 29,
  GETNEIGH: 30,
  NEWRULE: 32,
  DELRULE: 33,
  GETRULE: 34,
  GETNSID: 90,
} as const;

export const AF_UNSPEC = 0;
export const AF_INET = 2;
const AF_INET6 = 10;

export function addressFamily(family: 4 | 6): number {
  return family === 4 ? AF_INET : AF_INET6;
}

/** Undefined for other families: bridges and MPLS use rtnetlink too. */
export function ipFamily(addressFamilyNumber: number): 4 | 6 | undefined {
  if (addressFamilyNumber === AF_INET) return 4;
  return addressFamilyNumber === AF_INET6 ? 6 : undefined;
}

/** The built-in route tables (linux/rtnetlink.h rt_class_t). */
export const Table = { MAIN: 254, LOCAL: 255 } as const;

/** rtm_scope, ifa_scope (linux/rtnetlink.h rt_scope_t). */
export const Scope = { UNIVERSE: 0, LINK: 253, HOST: 254 } as const;

/** rtm_protocol (linux/rtnetlink.h): who added a route. A plugin acts for the administrator: STATIC. */
export const Protocol = { KERNEL: 2, STATIC: 4 } as const;

/** rtm_type (linux/rtnetlink.h). */
export const RouteType = { UNICAST: 1, BLACKHOLE: 6, UNREACHABLE: 7, PROHIBIT: 8 } as const;
