import { describe, expect, it } from "vitest";
import { decodeBranch } from "./annotation.ts";
import { encodeBranch } from "./annotation-text.ts";

const V4 = {
  eniId: "eni-0bf8102e8bf0fa369",
  mac: "02:78:59:8f:ee:b2",
  ipv4: "192.168.32.13",
  ipv6: "",
  vlanId: 2,
  subnet: "192.168.32.0/19",
  subnetV6: "",
  associationId: "trunk-assoc-0b1c2d3e4f5a6b7c8",
};

describe("encodeBranch", () => {
  it("writes what AWS's controller writes", () => {
    expect(JSON.parse(encodeBranch(V4))).toEqual([
      {
        eniId: "eni-0bf8102e8bf0fa369",
        ifAddress: "02:78:59:8f:ee:b2",
        privateIp: "192.168.32.13",
        ipv6Addr: "",
        vlanId: 2,
        subnetCidr: "192.168.32.0/19",
        subnetV6Cidr: "",
        associationID: "trunk-assoc-0b1c2d3e4f5a6b7c8",
      },
    ]);
  });

  it("is read back, with both families", () => {
    const both = { ...V4, ipv6: "2600:1f18:0:1::5", subnetV6: "2600:1f18:0:1::/64" };
    expect(decodeBranch(encodeBranch(both))).toMatchObject({
      eniId: V4.eniId,
      mac: V4.mac,
      vlanId: 2,
      addresses: [
        { family: 4, address: "192.168.32.13", subnet: "192.168.32.0/19" },
        { family: 6, address: "2600:1f18:0:1::5" },
      ],
    });
  });
});
