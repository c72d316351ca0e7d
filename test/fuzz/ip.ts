// Addresses, prefixes and MACs that are right, as the text that plans and records hold.
import * as fc from "fast-check";
import { formatIp, networkOf, type IpFamily, type IpPrefix } from "../../src/values/ip.ts";

export const families: fc.Arbitrary<IpFamily> = fc.constantFrom(4, 6);

/** Any address of a family, with runs of zeros more often than chance has them: their spelling is the hard part. */
export function addresses(family: IpFamily): fc.Arbitrary<string> {
  const bytes = family === 4 ? 4 : 16;
  return fc
    .array(fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, { weight: 3, arbitrary: fc.nat(255) }), {
      minLength: bytes,
      maxLength: bytes,
    })
    .map((all) => formatIp(Uint8Array.from(all)));
}

/** A network: its host bits are clear. */
export function networks(family: IpFamily): fc.Arbitrary<IpPrefix> {
  return fc
    .record({ address: addresses(family), length: fc.integer({ min: 1, max: family === 4 ? 32 : 128 }) })
    .map((prefix) => ({ ...prefix, address: networkOf(prefix) }));
}

export const macs: fc.Arbitrary<string> = fc
  .uint8Array({ minLength: 5, maxLength: 5 })
  .map((bytes) => `02:${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(":")}`);

export const u32 = fc.oneof(fc.nat(4095), fc.integer({ min: 0, max: 2 ** 32 - 1 }));
