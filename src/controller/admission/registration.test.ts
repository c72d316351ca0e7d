import { beforeAll, describe, expect, it } from "vitest";
import { type Authority, makeAuthority } from "./certificates.ts";
import {
  REGISTRATIONS,
  SECRETS,
  authoritiesOf,
  isLeadingTo,
  namesOf,
  registeredIn,
  registering,
  renewing,
} from "./registration.ts";

const NOW = Date.parse("2026-11-28T12:00:00Z");
const LIFETIME = { validMs: 3_600_000, renewMs: 1_800_000 };
const PLACE = { namespace: "kube-system", service: "branchline-controller" };
const BY_URL = { ...PLACE, webhookUrl: "https://127.0.0.1:9443" };
const SERVICE = { namespace: "kube-system", name: "branchline-controller", path: "/mutate", port: 443 };

let authority: Authority;
let other: Authority;

beforeAll(async () => {
  authority = await makeAuthority(NOW, LIFETIME);
  other = await makeAuthority(NOW, LIFETIME);
});

const registration = (clientConfig: object) =>
  REGISTRATIONS.read({
    metadata: { name: "branchline", resourceVersion: "7" },
    webhooks: [{ name: "w", clientConfig }],
  });

describe("isLeadingTo", () => {
  it.each<[object, object, boolean]>([
    [PLACE, { service: SERVICE }, true],
    [PLACE, { service: { ...SERVICE, name: "other" } }, false],
    [PLACE, { service: { ...SERVICE, namespace: "other" } }, false],
    [PLACE, { service: { ...SERVICE, path: undefined } }, false],
    [PLACE, { url: "https://127.0.0.1:9443/mutate" }, false],
    [BY_URL, { url: "https://127.0.0.1:9443/mutate" }, true],
    [BY_URL, { url: "https://127.0.0.1:9444/mutate" }, false],
    [BY_URL, { service: SERVICE }, false],
  ])("%j %j: %s", (place, config, expected) =>
    expect(isLeadingTo(place as typeof PLACE, config as Record<string, unknown>)).toBe(expected),
  );
});

it("namesOf has the Service's names, and the URL's host", () => {
  const names = ["branchline-controller.kube-system.svc", "branchline-controller.kube-system"];
  expect(namesOf(PLACE)).toEqual(names);
  expect(namesOf(BY_URL)).toEqual(["127.0.0.1", ...names]);
  expect(namesOf({ ...PLACE, webhookUrl: "https://[::1]:9443" })).toEqual(["::1", ...names]);
});

describe("registering", () => {
  it("keeps what the registration says of the Service", () => {
    const before = registration({ service: { ...SERVICE, port: 8443 } });
    const steps = registering(before, PLACE, [authority.certificate, other.certificate]);
    expect(steps).toMatchObject([
      { op: "test", path: "/metadata/resourceVersion", value: "7" },
      { op: "add", path: "/webhooks/0/clientConfig", value: { service: { ...SERVICE, port: 8443 } } },
    ]);
    const { value } = steps[1] as { value: Record<string, unknown> };
    expect(registeredIn(value)).toEqual([authority.certificate, other.certificate]);
    expect(isLeadingTo(PLACE, value)).toBe(true);
  });

  it.each([PLACE, BY_URL])("leads to %j, wherever it led before", (place) => {
    for (const config of [{ service: { ...SERVICE, name: "x" } }, { url: "https://x/y" }, {}]) {
      const [, step] = registering(registration(config), place, []);
      expect(isLeadingTo(place, (step as { value: Record<string, unknown> }).value)).toBe(true);
    }
  });

  it("is undefined without a webhook", () =>
    expect(REGISTRATIONS.read({ metadata: {}, webhooks: [] }).clientConfig).toBeUndefined());
});

describe("a Secret's authorities", () => {
  const secret = (data: unknown) =>
    SECRETS.read({ metadata: { name: "s", namespace: "n", resourceVersion: "3" }, data });

  it("are those that were put there", () => {
    const [test, first] = renewing(secret(undefined), authority, undefined);
    expect(test).toEqual({ op: "test", path: "/metadata/resourceVersion", value: "3" });
    const held = secret((first as { value: unknown }).value);
    expect(authoritiesOf(held, NOW)).toEqual({ current: authority, previous: undefined });
    const [, second] = renewing(held, other, authority);
    expect(authoritiesOf(secret((second as { value: unknown }).value), NOW)).toEqual({
      current: other,
      previous: authority,
    });
  });

  it("are none that are not valid", () => {
    expect(authoritiesOf(secret(undefined), NOW)).toEqual({ current: undefined, previous: undefined });
    expect(authoritiesOf(secret({ "ca.crt": "!", "ca.key": 7 }), NOW).current).toBeUndefined();
    const [, step] = renewing(secret(undefined), authority, undefined);
    const late = authoritiesOf(secret((step as { value: unknown }).value), authority.notAfter);
    expect(late.current).toBeUndefined();
  });
});
