import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { expect, it } from "vitest";
import { recordOf } from "../../../test/unit/record.ts";
import { useScratch } from "../../../test/unit/scratch.ts";
import { AttachmentStore } from "../../state/store.ts";
import { systemClock } from "../../sys/clock.ts";
import { readAttachments } from "./attachments.ts";

const scratch = useScratch();

it("reads records, and names those that cannot be read", () => {
  chmodSync(scratch.path, 0o700);
  const store = new AttachmentStore(scratch.path, systemClock);
  expect(readAttachments(store)).toEqual([]);
  mkdirSync(`${scratch.path}/attachments`, { mode: 0o700 });
  const record = recordOf({ vlanId: 7, containerId: "good" });
  store.write(record);
  writeFileSync(`${scratch.path}/attachments/8:bad:eth0.json`, "{}");
  expect(readAttachments(store).toSorted((a, b) => a.vlan - b.vlan)).toEqual([
    {
      file: `7:good:${record.ifName}.json`,
      vlan: 7,
      pod: `${record.pod.namespace}/${record.pod.name}`,
      eni: record.eniId,
      mode: record.mode,
    },
    { file: "8:bad:eth0.json", vlan: 8, pod: undefined, eni: undefined, mode: undefined },
  ]);
});
