// The table itself: that it can be played at all, and says where each answer is from.

import { expect, test } from "vitest";
import { allSteps, readRequests, readStates, rows } from "./table.ts";

const requests = readRequests();
const states = readStates();

/** Always there: see play.ts. */
const GIVEN = ["region", "image", "nonce"];

const used = (value: unknown) =>
  [...JSON.stringify(value).matchAll(/\$([a-z][A-Za-z0-9]*)/g)].map(([, name = ""]) => name);

/** What of a state, or of the states it begins with, is used before it has a value. */
function defects(name: string, steps = stepsOf(name)): string[] {
  const known = new Set(GIVEN);
  return steps.flatMap(({ operation, parameters, names }) => {
    const missing = used(parameters).filter((text) => !known.has(text));
    for (const given of Object.keys(names)) known.add(given);
    return missing.map((text) => `${operation} of state ${name} uses $${text}`);
  });
}

const namesOf = (state: string) =>
  new Set([...GIVEN, ...stepsOf(state).flatMap(({ names }) => Object.keys(names))]);

const stepsOf = (state: string) => allSteps(state, states);

test("has at least 150 requests, each with an id of its own", () => {
  expect(requests.length).toBeGreaterThanOrEqual(150);
  expect(new Set(requests.map(({ id }) => id)).size).toBe(requests.length);
});

test("every state can be made, and some request or state begins with it", () => {
  const begun = new Set([
    ...requests.map(({ state }) => state),
    ...[...states.values()].map(({ after }) => after),
  ]);
  expect([...states.keys()].flatMap((name) => defects(name))).toEqual([]);
  expect([...states.keys()].filter((name) => !begun.has(name))).toEqual([]);
});

test("every request uses only names of its state", () => {
  const unknown = requests.flatMap(({ id, state, parameters, answer }) => {
    const known = namesOf(state);
    return used([parameters, answer]).flatMap((name) => (known.has(name) ? [] : `${id} uses $${name}`));
  });
  expect(unknown).toEqual([]);
});

/** Wire form: what is not here is 400. */
const STATUS: Record<string, number> = {
  DryRunOperation: 412,
  UnauthorizedOperation: 403,
  RequestLimitExceeded: 503,
};

test("every status is that of the code", () => {
  const wrong = requests.filter(
    ({ status, codes }) =>
      !(codes.length === 0 ? [200] : codes.map((code) => STATUS[code] ?? 400)).includes(status),
  );
  expect(wrong).toEqual([]);
});

test("every answer has a source and a place; where no source decides it is a refusal", () => {
  const wrong = rows("requests.tsv", 9).filter(([, , , , , code = "", , source = "", place = ""]) => {
    return !/^\??[MDRNOQWIT]+$/.test(source) || place === "" || (source.startsWith("?") && code === "");
  });
  expect(wrong).toEqual([]);
});

test("every operation of the reference page has a success and a refusal", () => {
  const operations = [
    "CreateNetworkInterface",
    "AttachNetworkInterface",
    "ModifyNetworkInterfaceAttribute",
    "AssociateTrunkInterface",
    "DisassociateTrunkInterface",
    "DescribeTrunkInterfaceAssociations",
    "DeleteNetworkInterface",
    "DetachNetworkInterface",
    "DescribeNetworkInterfaces",
    "DescribeInstances",
    "DescribeSubnets",
    "DescribeSecurityGroups",
    "DescribeSecurityGroupRules",
    "DescribeInstanceTypes",
    "CreateNetworkInterfacePermission",
    "CreateTags",
    "AssignIpv6Addresses",
    "DescribeManagedPrefixLists",
    "GetManagedPrefixListEntries",
    "DescribeNetworkAcls",
    "DescribeRouteTables",
  ];
  const without = operations.flatMap((operation) => {
    const codes = requests
      .filter((request) => request.operation === operation)
      .map((request) => request.codes);
    const succeeds = codes.some((list) => list.length === 0);
    const refuses = codes.some((list) => list.length > 0 && !list.includes("DryRunOperation"));
    return succeeds && refuses ? [] : [operation];
  });
  expect(without).toEqual([]);
});
