import { expect, it } from "vitest";
import { readRates } from "./rates.ts";

it("reads sizes and rates by API", () => {
  expect(readRates([])).toEqual({});
  expect(readRates(["AssociateTrunkInterface=100/10", "DescribeSubnets=1/0.5"])).toEqual({
    AssociateTrunkInterface: [100, 10],
    DescribeSubnets: [1, 0.5],
  });
});

it.each<[string[], string]>([
  [
    ["AssociateTrunkInterfaces=100/10"],
    'no API "AssociateTrunkInterfaces" among those that are called; did you mean AssociateTrunkInterface?',
  ],
  [["associatetrunkinterface=100/10"], "did you mean AssociateTrunkInterface?"],
  [["constructor=100/10"], 'no API "constructor"'],
  [["CreateNetworkInterface"], '"CreateNetworkInterface" is no API=size/persecond'],
  [["CreateNetworkInterface=100"], "is no API=size/persecond"],
  [["CreateNetworkInterface=1e3/5"], "is no API=size/persecond"],
  [["CreateNetworkInterface=-1/5"], "is no API=size/persecond"],
  [["CreateNetworkInterface=100/5 "], "is no API=size/persecond"],
  [["CreateNetworkInterface=1.5/5"], "is no API=size/persecond"],
  [["CreateNetworkInterface=0/5"], 'the size in "CreateNetworkInterface=0/5" is not from 1 to 100000'],
  [["CreateNetworkInterface=1/0"], 'the rate in "CreateNetworkInterface=1/0" is not from 0.1 to 100000'],
  [["CreateNetworkInterface=1/100001"], "the rate in"],
  [["DescribeSubnets=1/1", "DescribeSubnets=2/2"], "DescribeSubnets is there twice"],
])("refuses %j", (texts, words) => expect(() => readRates(texts)).toThrow(words));
