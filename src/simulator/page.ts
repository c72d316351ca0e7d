import { freeAddresses } from "./model/addresses.ts";
import type { Interface, World } from "./model/types.ts";
import type { Session } from "./start.ts";
import type { Reply } from "./wire/http.ts";
import { escape } from "./wire/xml.ts";

const RECENT_MS = 10_000;
const MAX_ROWS = 500;

/** The world as one plain page, without scripts. */
export function pageOf(session: Session): Reply {
  const { world } = session.simulator;
  const recent = session.calls.filter(({ at }) => at > Date.now() - RECENT_MS);
  const refused = session.calls
    .filter(({ call }) => call.code !== undefined)
    .slice(-20)
    .reverse();
  const body = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>branchline simulate</title><meta http-equiv="refresh" content="5">
<style>body{font:14px system-ui;margin:2em;color:#222}table{border-collapse:collapse;margin:.5em 0 2em}
td,th{border:1px solid #ccc;padding:.2em .6em;text-align:left;vertical-align:top}th{background:#f3f3f3}code{font-size:13px}</style>
</head><body><h1>Simulated EC2, ${escape(world.region)}</h1>
<p>${world.instances.size} instances, ${world.interfaces.size} interfaces, ${world.associations.size} branches; ${(recent.length / (RECENT_MS / 1000)).toFixed(1)} calls a second. It is no security boundary.</p>
<h2>Instances and trunks</h2>${table(["instance", "type", "state", "interface", "device", "branches (VLAN id or GRE key: interface, groups)"], instanceRows(world))}
<h2>Subnets</h2>${table(
    ["subnet", "block", "zone", "free addresses"],
    [...world.subnets.values()].map((subnet) => [
      subnet.id,
      subnet.cidr,
      subnet.zone,
      String(freeAddresses(subnet)),
    ]),
  )}
<h2>Refused of late</h2>${table(
    ["call", "code", "message"],
    refused.map(({ call }) => [call.action, call.code ?? "", call.message ?? ""]),
  )}
</body></html>
`;
  return {
    status: 200,
    type: "text/html; charset=utf-8",
    body,
    headers: { "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'" },
  };
}

function instanceRows(world: World): string[][] {
  const byInstance = Map.groupBy(world.interfaces.values(), ({ attachment }) => attachment?.instance);
  const byTrunk = Map.groupBy(world.associations.values(), ({ trunk }) => trunk);
  return [...world.instances.values()].flatMap(({ id, type, state }) => {
    const interfaces = byInstance.get(id) ?? [];
    if (interfaces.length === 0) return [[id, type, state, "", "", ""]];
    return interfaces.map((eni) => [
      id,
      type,
      state,
      `${eni.id} ${eni.type} ${eni.addresses[0]}`,
      String(eni.attachment?.deviceIndex),
      (byTrunk.get(eni.id) ?? [])
        .map(
          ({ vlan, greKey, branch }) =>
            `${vlan ?? `GRE ${greKey}`}: ${branch} ${named(world, world.interfaces.get(branch))}`,
        )
        .join("\n"),
    ]);
  });
}

function named(world: World, eni: Interface | undefined): string {
  return (eni?.groups ?? []).map((id) => world.groups.get(id)?.name ?? id).join(", ");
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = (tag: string, row: readonly string[]) =>
    `<tr>${row.map((cell) => `<${tag}>${escape(cell).replaceAll("\n", "<br>")}</${tag}>`).join("")}</tr>`;
  const more = rows.length > MAX_ROWS ? `<p>… and ${rows.length - MAX_ROWS} more</p>` : "";
  return `<table>${cells("th", heads)}${rows
    .slice(0, MAX_ROWS)
    .map((row) => cells("td", row))
    .join("")}</table>${more}`;
}
