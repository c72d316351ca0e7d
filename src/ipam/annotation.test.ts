import { describe, expect, it } from "vitest";
import type { Json } from "../text/json.ts";
import {
  AnnotationError,
  decodeBranch,
  decodeIdentity,
  podEniAnnotation,
  POD_ANNOTATIONS,
  POD_ENI_ANNOTATION,
} from "./annotation.ts";

/** As the VPC resource controller writes it. */
const V4 = {
  eniId: "eni-0bf8102e8bf0fa369",
  ifAddress: "02:78:59:8f:ee:b2",
  privateIp: "192.168.32.13",
  ipv6Addr: "",
  vlanId: 2,
  subnetCidr: "192.168.32.0/19",
  subnetV6Cidr: "",
  associationID: "trunk-assoc-0b1c2d3e4f5a6b7c8",
};
const V6 = {
  ...V4,
  privateIp: "",
  subnetCidr: "",
  ipv6Addr: "2600:1f18:0:1::5",
  subnetV6Cidr: "2600:1f18:0:1::/64",
};

const text = (fields: object) => JSON.stringify([fields]);

function thrown(run: () => unknown): AnnotationError {
  try {
    run();
  } catch (error) {
    if (error instanceof AnnotationError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

const wrap = (annotations: Json) => ({ [POD_ANNOTATIONS]: annotations });

describe("podEniAnnotation", () => {
  it.each([
    ["no runtimeConfig", undefined, undefined],
    ["a null runtimeConfig", null, undefined],
    ["an empty runtimeConfig", {}, undefined],
    ["another capability", { portMappings: [] }, undefined],
    ["null annotations", wrap(null), undefined],
    ["no annotation of ours", wrap({ "kubernetes.io/config.seen": "now" }), undefined],
    ["a key that only looks inherited", JSON.parse(`{"__proto__":{"${POD_ANNOTATIONS}":{}}}`), undefined],
    ["ours", wrap({ [POD_ENI_ANNOTATION]: "[…]", other: "x" }), "[…]"],
    // Empty is there, and a defect: decodeBranch refuses it.
    ["ours, empty", wrap({ [POD_ENI_ANNOTATION]: "" }), ""],
  ])("%s", (_what, runtimeConfig, expected) => expect(podEniAnnotation(runtimeConfig)).toBe(expected));

  it.each([
    ["runtimeConfig", 5, "runtimeConfig 5 is not an object"],
    ["runtimeConfig", [], "runtimeConfig [] is not an object"],
    [
      `runtimeConfig["${POD_ANNOTATIONS}"]`,
      wrap("x"),
      `runtimeConfig["${POD_ANNOTATIONS}"] "x" is not an object`,
    ],
    [
      `runtimeConfig["${POD_ANNOTATIONS}"]`,
      wrap([1]),
      `runtimeConfig["${POD_ANNOTATIONS}"] [1] is not an object`,
    ],
    [
      POD_ENI_ANNOTATION,
      wrap({ [POD_ENI_ANNOTATION]: null }),
      `annotation ${POD_ENI_ANNOTATION}: null is not a string`,
    ],
    [POD_ENI_ANNOTATION, wrap({ [POD_ENI_ANNOTATION]: [V4] }), "is not a string"],
  ])("refuses %s of the wrong type", (field, runtimeConfig, message) => {
    const error = thrown(() => podEniAnnotation(runtimeConfig));
    expect(error.field).toBe(field);
    expect(error.message).toContain(message);
  });
});

describe("decodeBranch", () => {
  const branch = { eniId: "eni-0bf8102e8bf0fa369", mac: "02:78:59:8f:ee:b2", vlanId: 2 };
  const address4 = {
    family: 4,
    address: "192.168.32.13",
    prefixLength: 19,
    subnet: "192.168.32.0/19",
    gateway: "192.168.32.1",
  };
  const address6 = {
    family: 6,
    address: "2600:1f18:0:1::5",
    prefixLength: 128,
    subnet: "2600:1f18:0:1::/64",
    gateway: "fe80:ec2::1",
  };

  it.each([
    ["IPv4", text(V4), { ...branch, addresses: [address4] }],
    ["IPv6", text(V6), { ...branch, addresses: [address6] }],
    [
      "both, IPv4 first",
      text({ ...V6, privateIp: V4.privateIp, subnetCidr: V4.subnetCidr }),
      { ...branch, addresses: [address4, address6] },
    ],
    [
      "a subnet without its address",
      text({ ...V4, subnetV6Cidr: "nonsense" }),
      { ...branch, addresses: [address4] },
    ],
    [
      "null for nothing",
      text({ ...V4, ipv6Addr: null, subnetV6Cidr: null }),
      { ...branch, addresses: [address4] },
    ],
    ["vlanID", text(V4).replace("vlanId", "vlanID"), { ...branch, addresses: [address4] }],
    [
      "keys in any case",
      text(V4).toUpperCase().replace("ENI-0BF8102E8BF0FA369", branch.eniId),
      { ...branch, addresses: [address4] },
    ],
    ["a capital MAC", text({ ...V4, ifAddress: "02:78:59:8F:EE:B2" }), { ...branch, addresses: [address4] }],
    [
      "an IPv6 address in another spelling",
      text({ ...V6, ipv6Addr: "2600:1F18:0:1:0::5" }),
      { ...branch, addresses: [address6] },
    ],
    ["fields it does not know", text({ ...V4, more: { deep: [1.5] } }), { ...branch, addresses: [address4] }],
    [
      "other keys that differ by case",
      text({ ...V4, more: 1, More: 2 }),
      { ...branch, addresses: [address4] },
    ],
    ["two spellings that agree", text({ ...V4, vlanID: 2 }), { ...branch, addresses: [address4] }],
    ["element 0 only", JSON.stringify([V4, { broken: true }, 5]), { ...branch, addresses: [address4] }],
    ["VLAN 1", text({ ...V4, vlanId: 1 }), { ...branch, vlanId: 1, addresses: [address4] }],
    ["VLAN 4094", text({ ...V4, vlanId: 4094 }), { ...branch, vlanId: 4094, addresses: [address4] }],
    [
      "an id of eight digits",
      text({ ...V4, eniId: "eni-0bf8102e" }),
      { ...branch, eniId: "eni-0bf8102e", addresses: [address4] },
    ],
  ])("reads %s", (_what, annotation, expected) => expect(decodeBranch(annotation)).toEqual(expected));

  const without = (key: keyof typeof V4) =>
    text(Object.fromEntries(Object.entries(V4).filter(([k]) => k !== key)));

  it.each([
    ["", POD_ENI_ANNOTATION, "the text is empty"],
    [" \n", POD_ENI_ANNOTATION, "the text is empty"],
    ["{", POD_ENI_ANNOTATION, '"{" is not JSON'],
    [`${"[".repeat(5000)}${"]".repeat(5000)}`, POD_ENI_ANNOTATION, "is nested deeper than 100 levels"],
    [`${text(V4)}]`, POD_ENI_ANNOTATION, "is not JSON"],
    ["null", POD_ENI_ANNOTATION, "null is not an array"],
    [JSON.stringify(V4), POD_ENI_ANNOTATION, "is not an array"],
    ['"[]"', POD_ENI_ANNOTATION, '"[]" is not an array'],
    ["1.0", POD_ENI_ANNOTATION, "1.0 is not an array"],
    ["[]", POD_ENI_ANNOTATION, "the array is empty"],
    ["[null]", "[0]", "[0] null is not an object"],
    ["[5]", "[0]", "[0] 5 is not an object"],
    ["[5.0]", "[0]", "[0] 5.0 is not an object"],
    ["[[]]", "[0]", "[0] [] is not an object"],

    [without("eniId"), "eniId", "eniId is missing"],
    [text({ ...V4, eniId: "" }), "eniId", "eniId is missing"],
    [text({ ...V4, eniId: 5 }), "eniId", "eniId 5 is not a string"],
    [text({ ...V4, eniId: "eni-" }), "eniId", 'eniId "eni-" is not the id'],
    [text({ ...V4, eniId: "i-0bf8102e8bf0fa369" }), "eniId", 'eniId "i-0bf8102e8bf0fa369" is not the id'],
    [text({ ...V4, eniId: "eni-../../x" }), "eniId", "is not the id"],
    [text({ ...V4, eniId: `eni-${"a".repeat(61)}` }), "eniId", "is not the id"],

    [without("ifAddress"), "ifAddress", "ifAddress is missing"],
    [text({ ...V4, ifAddress: null }), "ifAddress", "ifAddress is missing"],
    [text({ ...V4, ifAddress: 101 }), "ifAddress", "ifAddress 101 is not a string"],
    [
      text({ ...V4, ifAddress: "02:78:59:8f:ee" }),
      "ifAddress",
      'ifAddress "02:78:59:8f:ee" is not a MAC address',
    ],
    [
      text({ ...V4, ifAddress: "01:00:5e:00:00:01" }),
      "ifAddress",
      '"01:00:5e:00:00:01" is a multicast address',
    ],
    [text({ ...V4, ifAddress: "ff:ff:ff:ff:ff:ff" }), "ifAddress", "is a multicast address"],
    [text({ ...V4, ifAddress: "00:00:00:00:00:00" }), "ifAddress", "is all zeros"],

    [without("vlanId"), "vlanId", "vlanId is missing"],
    [text({ ...V4, vlanId: null }), "vlanId", "vlanId is missing"],
    [text({ ...V4, vlanId: 0 }), "vlanId", "vlanId 0 is outside 1 to 4094"],
    [text({ ...V4, vlanId: 4095 }), "vlanId", "vlanId 4095 is outside 1 to 4094"],
    [text({ ...V4, vlanId: -1 }), "vlanId", "vlanId -1 is outside 1 to 4094"],
    [text({ ...V4, vlanId: "7" }), "vlanId", 'vlanId "7" is not an integer'],
    [text({ ...V4, vlanId: "" }), "vlanId", 'vlanId "" is not an integer'],
    [text({ ...V4, vlanId: 7.5 }), "vlanId", "vlanId 7.5 is not an integer"],
    [text(V4).replace('"vlanId":2', '"vlanId":2.0'), "vlanId", "vlanId 2.0 is not an integer"],
    [text(V4).replace('"vlanId":2', '"vlanId":2e0'), "vlanId", "vlanId 2e0 is not an integer"],
    [text(V4).replace('"vlanId":2', '"vlanId":1e400'), "vlanId", "vlanId 1e400 is not an integer"],
    [text({ ...V4, vlanId: true }), "vlanId", "vlanId true is not an integer"],
    [text({ ...V4, vlanId: [2] }), "vlanId", "vlanId [2] is not an integer"],
    [text({ ...V4, vlanID: 3 }), "vlanId", "vlanId is given twice, as 2 and as 3"],
    [text({ ...V4, PrivateIP: "192.168.32.14" }), "privateIp", "privateIp is given twice"],

    [text({ ...V4, privateIp: "" }), "privateIp", "privateIp and ipv6Addr are both missing"],
    [without("privateIp"), "privateIp", "privateIp and ipv6Addr are both missing"],
    [text({ ...V4, privateIp: 5 }), "privateIp", "privateIp 5 is not a string"],
    [
      text({ ...V4, privateIp: "192.168.32.300" }),
      "privateIp",
      'privateIp "192.168.32.300" is not an IPv4 address',
    ],
    [text({ ...V4, privateIp: "192.168.32.13/19" }), "privateIp", "is not an IPv4 address"],
    [text({ ...V4, privateIp: V6.ipv6Addr }), "privateIp", "is not an IPv4 address"],
    [
      text({ ...V4, privateIp: "192.168.64.13" }),
      "privateIp",
      'privateIp "192.168.64.13" is outside its subnet 192.168.32.0/19',
    ],
    [text({ ...V4, privateIp: "192.168.32.0" }), "privateIp", "is the address of its subnet itself"],
    [text({ ...V4, privateIp: "192.168.32.1" }), "privateIp", "is the address of its subnet's gateway"],
    [text({ ...V4, privateIp: "192.168.63.255" }), "privateIp", "is the broadcast address of its subnet"],
    [
      text({ ...V6, ipv6Addr: "192.168.32.13" }),
      "ipv6Addr",
      'ipv6Addr "192.168.32.13" is not an IPv6 address',
    ],
    [text({ ...V6, ipv6Addr: "2600:1f18::zz" }), "ipv6Addr", "is not an IPv6 address"],
    [text({ ...V6, ipv6Addr: "2600:1f18:0:2::5" }), "ipv6Addr", "is outside its subnet 2600:1f18:0:1::/64"],
    [text({ ...V6, ipv6Addr: "2600:1f18:0:1::" }), "ipv6Addr", "is the address of its subnet itself"],

    [without("subnetCidr"), "subnetCidr", "subnetCidr is missing, though privateIp is given"],
    [text({ ...V4, subnetCidr: "" }), "subnetCidr", "subnetCidr is missing"],
    [text({ ...V6, subnetV6Cidr: "" }), "subnetV6Cidr", "subnetV6Cidr is missing, though ipv6Addr is given"],
    [text({ ...V4, subnetCidr: 19 }), "subnetCidr", "subnetCidr 19 is not a string"],
    [text({ ...V4, subnetCidr: "192.168.32.0" }), "subnetCidr", "is not an IPv4 network"],
    [text({ ...V4, subnetCidr: "192.168.32.0/33" }), "subnetCidr", "is not an IPv4 network"],
    [text({ ...V4, subnetCidr: V6.subnetV6Cidr }), "subnetCidr", "is not an IPv4 network"],
    [text({ ...V6, subnetV6Cidr: V4.subnetCidr }), "subnetV6Cidr", "is not an IPv6 network"],
    [
      text({ ...V4, subnetCidr: "192.168.32.5/19" }),
      "subnetCidr",
      'subnetCidr "192.168.32.5/19" has host bits set: the network is 192.168.32.0/19',
    ],
    [text({ ...V6, subnetV6Cidr: "2600:1f18:0:1::1/64" }), "subnetV6Cidr", "has host bits set"],
    [text({ ...V4, subnetCidr: "192.168.32.12/31" }), "subnetCidr", "is too small"],
    [text({ ...V4, subnetCidr: "0.0.0.0/0" }), "subnetCidr", "is every address there is"],
  ])("refuses %s", (annotation, field, message) => {
    const error = thrown(() => decodeBranch(annotation));
    expect(error.field).toBe(field);
    expect(error.message).toContain(`annotation vpc.amazonaws.com/pod-eni: `);
    expect(error.message).toContain(message);
    expect(error.message).not.toContain("\n");
  });

  const wanted = {
    4: { family: 4, because: "the primary gave eth0 192.168.32.50/32" },
    6: { family: 6, because: 'families ["6"] asks for IPv6' },
  } as const;
  const both = { ...V6, privateIp: V4.privateIp, subnetCidr: V4.subnetCidr };

  it.each([
    ["IPv4 of both", text(both), [wanted[4]], [address4]],
    ["IPv6 of both", text(both), [wanted[6]], [address6]],
    ["both of both", text(both), [wanted[4], wanted[6]], [address4, address6]],
    [
      "IPv4 beside an IPv6 address without its subnet",
      text({ ...both, subnetV6Cidr: "" }),
      [wanted[4]],
      [address4],
    ],
    ["IPv4 beside no IPv6 address at all", text({ ...both, ipv6Addr: 5 }), [wanted[4]], [address4]],
    [
      "IPv6 beside an IPv4 address without its subnet",
      text({ ...both, subnetCidr: "" }),
      [wanted[6]],
      [address6],
    ],
    [
      "IPv6 beside the IPv4 gateway's address",
      text({ ...both, privateIp: "192.168.32.1" }),
      [wanted[6]],
      [address6],
    ],
  ])("judges what is wanted only: %s", (_what, annotation, families, addresses) =>
    expect(decodeBranch(annotation, families)).toEqual({ ...branch, addresses }),
  );

  it.each([
    [text(V4), [wanted[6]], "ipv6Addr", 'ipv6Addr is missing, though families ["6"] asks for IPv6'],
    [text(V4), [wanted[4], wanted[6]], "ipv6Addr", "ipv6Addr is missing"],
    [
      text(V6),
      [wanted[4], wanted[6]],
      "privateIp",
      "privateIp is missing, though the primary gave eth0 192.168.32.50/32",
    ],
    [text({ ...V6, ipv6Addr: "" }), [wanted[6]], "privateIp", "privateIp and ipv6Addr are both missing"],
    [text({ ...both, subnetV6Cidr: "" }), [wanted[6]], "subnetV6Cidr", "subnetV6Cidr is missing"],
    [text({ ...both, ipv6Addr: 5 }), [wanted[6]], "ipv6Addr", "ipv6Addr 5 is not a string"],
  ])("refuses %s for what is wanted of it", (annotation, families, field, message) => {
    const error = thrown(() => decodeBranch(annotation, families));
    expect(error.field).toBe(field);
    expect(error.message).toContain(`annotation vpc.amazonaws.com/pod-eni: ${message}`);
  });

  it("an identity needs no address", () => {
    expect(decodeIdentity(text({ ...both, subnetV6Cidr: "", privateIp: "nonsense" }))).toEqual(branch);
    expect(decodeIdentity(text({ ...V4, privateIp: "" }))).toEqual(branch);
    expect(thrown(() => decodeIdentity(text({ ...V4, vlanId: 0 }))).field).toBe("vlanId");
  });

  it("does not repeat a whole annotation in its message", () => {
    expect(thrown(() => decodeBranch("x".repeat(10_000))).message.length).toBeLessThan(400);
  });
});
