import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { parseRecord } from "./record.ts";

const written = JSON.parse(
  readFileSync(new URL("../../test/golden/records-0.1.0.json", import.meta.url), "utf8"),
) as { datapath: string }[];

it.each(written)("reads what version 0.1.0 wrote: $datapath", (record) => {
  expect(parseRecord(JSON.stringify(record))).toEqual(record);
});
