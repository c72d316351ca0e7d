import { expect, it } from "vitest";
import { clusterOf, vpcIdOf } from "./flags.ts";

it.each(["", undefined])("a cluster's name %j is asked for", (name) => {
  expect(() => clusterOf("--cluster", name, "whose interfaces?")).toThrow(
    "whose interfaces? give --cluster NAME",
  );
});

it.each(["*", "-a", "a b", "a".repeat(101)])("%j is no name of a cluster", (name) => {
  expect(() => clusterOf("--cluster", name, "")).toThrow(`--cluster "${name}" is no name of a cluster`);
});

it.each(["blue", "a".repeat(100), "prod.eu-1_x"])("%j is a name of a cluster", (name) => {
  expect(clusterOf("--cluster", name, "")).toBe(name);
});

it.each(["vpc-", "vpc-0A1b2c3d", "subnet-01234567", "vpc-01234567*", ""])("%j is no id of a VPC", (id) => {
  expect(() => vpcIdOf(id)).toThrow(`--vpc-id "${id}" is no id of a VPC`);
});

it.each(["vpc-01234567", "vpc-0123456789abcdef0", undefined])("%j is taken", (id) => {
  expect(vpcIdOf(id)).toBe(id);
});
