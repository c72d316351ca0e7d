import { describe, expect, it } from "vitest";
import { type Facts, readCondition } from "./condition.ts";
import { matches } from "./pattern.ts";
import { readPolicy } from "./policy.ts";

const statement = (more: object) =>
  JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Sid: "One", Effect: "Allow", Action: "ec2:CreateTags", Resource: "*", ...more }],
  });

describe("a policy", () => {
  it("is read with single values or lists", () => {
    const [only] = readPolicy(statement({ Action: ["ec2:Describe*", "ec2:CreateTags"], Sid: undefined }));
    expect(only).toMatchObject({
      name: "statement 1",
      actions: ["ec2:Describe*", "ec2:CreateTags"],
      resources: ["*"],
    });
  });

  it.each<[string, string, string]>([
    ["no JSON", "{", "it is no JSON"],
    ["an old version", '{"Version":"2008-10-17","Statement":[]}', '"Version" is "2012-10-17"'],
    ["NotAction", statement({ NotAction: "ec2:*" }), 'the simulator knows no "NotAction" in statement 1'],
    [
      "another service",
      statement({ Action: "s3:GetObject" }),
      '"s3:GetObject" in One is no action of EC2\'s',
    ],
    ["no action", statement({ Action: [] }), '"Action" of One is a text, or a list of them'],
    ["no ARN", statement({ Resource: "eni-1" }), '"eni-1" in One is no ARN of EC2\'s'],
    ["a Sid with a space", statement({ Sid: "a b" }), "the Sid of statement 1 has letters and digits only"],
    ["an effect", statement({ Effect: "Maybe" }), '"Effect" of One is Allow or Deny'],
    [
      "a condition key",
      statement({ Condition: { StringEquals: { "aws:SourceIp": "1" } } }),
      'One: the simulator knows no condition key "aws:SourceIp"',
    ],
    [
      "an operator",
      statement({ Condition: { NumericEquals: { "aws:TagKeys": "1" } } }),
      'One: the simulator knows no condition operator "NumericEquals"',
    ],
    [
      "a variable",
      statement({ Condition: { StringEquals: { "aws:RequestTag/a": "${aws:username}" } } }),
      "One: the simulator knows no variables",
    ],
    ["Null", statement({ Condition: { Null: { "aws:TagKeys": "yes" } } }), 'One: Null is "true" or "false"'],
  ])("with %s is refused", (_what, text, words) => expect(() => readPolicy(text)).toThrow(words));

  it("has each Sid once", () => {
    const { Statement } = JSON.parse(statement({})) as { Statement: object[] };
    const text = JSON.stringify({ Version: "2012-10-17", Statement: [...Statement, ...Statement] });
    expect(() => readPolicy(text)).toThrow('the Sid "One" is there twice');
  });
});

it.each<[string, string, boolean]>([
  ["*", "", true],
  ["ec2:Describe*", "ec2:DescribeSubnets", true],
  ["ec2:Describe*", "xec2:DescribeSubnets", false],
  ["eni-?", "eni-1", true],
  ["eni-?", "eni-", false],
  ["a.c", "abc", false],
  ["a(", "a(", true],
  ["*/x/*", "arn:aws:ec2:eu:1:a/x/b", true],
  ["A", "a", false],
])("%s and %s: %s", (pattern, text, expected) => expect(matches(pattern, text)).toBe(expected));

const facts: Facts = new Map<string, string | string[]>([
  ["aws:requesttag/owner", "us"],
  ["aws:requesttag/Owner", "them"],
  ["aws:tagkeys", ["owner", "Owner"]],
]);

describe("a condition", () => {
  it.each<[string, string, string[], boolean]>([
    ["StringEquals", "aws:RequestTag/owner", ["us"], true],
    ["StringEquals", "AWS:requesttag/owner", ["x", "us"], true],
    ["StringEquals", "aws:RequestTag/OWNER", ["us"], false],
    ["StringEquals", "aws:RequestTag/owner", ["u*"], false],
    ["StringLike", "aws:RequestTag/owner", ["u*"], true],
    ["StringLike", "aws:RequestTag/none", ["*"], false],
    ["StringNotEquals", "aws:RequestTag/owner", ["us"], false],
    ["StringNotEquals", "aws:RequestTag/owner", ["a", "b"], true],
    ["StringNotEquals", "aws:RequestTag/none", ["a"], true],
    ["StringEqualsIfExists", "aws:RequestTag/none", ["a"], true],
    ["StringEqualsIfExists", "aws:RequestTag/owner", ["a"], false],
    ["Null", "aws:RequestTag/none", ["true"], true],
    ["Null", "aws:RequestTag/owner", ["true"], false],
    ["Null", "aws:RequestTag/owner", ["false"], true],
    ["ForAllValues:StringEquals", "aws:TagKeys", ["owner", "Owner", "more"], true],
    ["ForAllValues:StringEquals", "aws:TagKeys", ["owner"], false],
    ["ForAllValues:StringEquals", "aws:ResourceTag/x", ["owner"], true],
    ["ForAnyValue:StringEquals", "aws:TagKeys", ["owner"], true],
    ["ForAnyValue:StringEquals", "aws:TagKeys", ["none"], false],
    ["ForAnyValue:StringEquals", "aws:ResourceTag/x", ["owner"], false],
  ])("%s %s %j: %s", (operator, key, wanted, expected) =>
    expect(readCondition(operator, key, wanted).holds(facts)).toBe(expected),
  );
});
