import { expect, it, test } from "vitest";
import { TraceReader } from "./trace.ts";

/** As nftables 1.0.6 prints them, with what a story does not need left out. */
const lines = (...of: readonly string[]): string[] => of.map((line) => `trace id 2df1e9b3 inet ${line}`);
const packet =
  'packet: iif "enia" ether saddr 02:00:00:00:00:01 ip saddr 10.0.0.5 ip daddr 10.0.0.4 ip protocol tcp ip length 60 tcp sport 59518 tcp dport 81 tcp flags == syn tcp window 62727 ';
const begun = lines(
  `trace_1 prerouting ${packet}`,
  "trace_1 prerouting unknown rule handle 2 (verdict continue)",
  "trace_1 prerouting policy accept ",
  `vpc prerouting ${packet}`,
  "vpc prerouting rule jump note_sent (verdict jump note_sent)",
);
const left = lines(
  "vpc prerouting policy accept ",
  "vpc forward rule ct state new jump timeouts (verdict jump timeouts)",
  "vpc forward rule iifname vmap @senders (verdict goto out_enia)",
  "vpc out_enia rule jump out_sg-0a_all (verdict jump out_sg-0a_all)",
  'vpc out_sg-0a_all rule ip daddr 0.0.0.0/0 counter packets 0 bytes 0 goto open_out comment "sgr-02" (verdict goto open_out)',
  "vpc open_out rule goto tracked_out (verdict goto tracked_out)",
  "vpc tracked_out rule goto allowed_out (verdict goto allowed_out)",
  "vpc allowed_out rule oifname vmap @receivers (verdict goto in_enib)",
  "vpc in_enib rule jump in_sg-0a (verdict jump in_sg-0a)",
);
const delivered = lines(
  `vpc postrouting ${packet.replace('"enia"', '"enia" oif "enib"')}`,
  "vpc postrouting policy accept ",
);
const head = "10.0.0.5:59518 -> 10.0.0.4:81 tcp syn, sent by eni-a";

test.each<[string, readonly string[], readonly string[]]>([
  [
    "that is allowed",
    [
      ...begun,
      ...left,
      ...lines(
        'vpc in_sg-0a rule ip saddr 10.0.0.0/16 counter packets 0 bytes 0 goto tracked_in comment "sgr-03" (verdict goto tracked_in)',
        "vpc tracked_in rule accept (verdict accept)",
      ),
      ...delivered,
    ],
    ["  out: sg-0a allows it by sgr-02", "  in:  sg-0a allows it by sgr-03", "  delivered to eni-b"],
  ],
  [
    "that a rule allows which is newer than the trace",
    [
      ...begun,
      ...left,
      ...lines("vpc in_sg-0a unknown rule handle 90 (verdict goto tracked_in)"),
      ...delivered,
    ],
    [
      "  out: sg-0a allows it by sgr-02",
      "  in:  sg-0a allows it by a rule newer than this trace",
      "  delivered to eni-b",
    ],
  ],
  [
    "that no group lets in",
    [
      ...begun,
      ...left,
      ...lines(
        "vpc in_enib rule jump in_sg-0b (verdict jump in_sg-0b)",
        "vpc in_enib rule goto refused (verdict goto refused)",
        "vpc refused rule drop (verdict drop)",
      ),
    ],
    ["  out: sg-0a allows it by sgr-02", "  in:  none of sg-0a, sg-0b allows it", "  dropped"],
  ],
  [
    "that no group lets out",
    [
      ...begun,
      ...lines(
        "vpc forward rule iifname vmap @senders (verdict goto out_enia)",
        "vpc out_enia rule goto withheld (verdict goto withheld)",
        "vpc withheld rule drop (verdict drop)",
      ),
    ],
    ["  out: no group allows it", "  dropped"],
  ],
  [
    "that an entry of a network ACL denies",
    [
      ...begun,
      ...lines(
        "vpc allowed_out rule jump acls (verdict jump acls)",
        "vpc acls rule iifname vmap @leaving (verdict jump leave_subnet-0a)",
        "vpc leave_subnet-0a rule goto egress_acl-0a (verdict goto egress_acl-0a)",
        'vpc egress_acl-0a rule ip daddr 0.0.0.0/0 tcp dport 81 counter packets 0 bytes 0 goto denied comment "acl-0a egress 90" (verdict goto denied)',
        "vpc denied rule drop (verdict drop)",
      ),
    ],
    ["  acl: acl-0a denies it by its egress entry 90", "  dropped"],
  ],
  [
    "that no entry matches, and one newer than the trace",
    [
      ...begun,
      ...lines(
        'vpc ingress_acl-0a rule counter packets 0 bytes 0 goto denied comment "acl-0a ingress *" (verdict goto denied)',
        "vpc ingress_acl-0a unknown rule handle 9 (verdict goto denied)",
        "vpc denied rule drop (verdict drop)",
      ),
    ],
    [
      "  acl: no ingress entry of acl-0a matches it",
      "  acl: acl-0a denies it by an ingress entry newer than this trace",
      "  dropped",
    ],
  ],
  [
    "of a tracked connection",
    [
      ...begun,
      ...lines(
        "vpc forward rule ct direction reply ct mark & 0x00000002 == 0x00000002 goto allowed_out (verdict goto allowed_out)",
        "vpc allowed_out rule ct direction reply ct mark & 0x00000001 == 0x00000001 accept (verdict accept)",
      ),
      ...delivered,
    ],
    [
      "  out: of a connection that is tracked",
      "  in:  of a connection that is tracked",
      "  delivered to eni-b",
    ],
  ],
  [
    "with a foreign address",
    [
      ...begun,
      ...lines(
        "vpc prerouting rule ether saddr . ip saddr != @own4 goto spoofed (verdict goto spoofed)",
        "vpc spoofed rule drop (verdict drop)",
      ),
    ],
    ["  source check: the MAC or the address is not the interface's own", "  dropped"],
  ],
])("a packet %s", (_, given, expected) => {
  const reader = new TraceReader("trace_1", (device) => device.replace("eni", "eni-"));
  const stories = given.flatMap((line) => reader.read(line, 0) ?? []);
  expect(stories).toEqual([head, ...expected]);
  expect(reader.lost(1000)).toEqual([]);
});

it("tells of a packet that went nowhere when there was time enough, and not of one that is under way", () => {
  const reader = new TraceReader("trace_1", () => "eni-a");
  for (const line of [...begun, ...lines("vpc prerouting policy accept ")])
    expect(reader.read(line, 1000)).toBeUndefined();
  expect(reader.lost(1100)).toEqual([]);
  const [forward] = lines("vpc forward rule iifname vmap @senders (verdict goto out_enia)");
  for (const line of [...begun, ...lines("vpc prerouting policy accept ")])
    reader.read(line.replace("2df1e9b3", "3e"), 1000);
  reader.read(String(forward).replace("2df1e9b3", "3e"), 1000);
  expect(reader.lost(1300)).toEqual([[head, "  dropped: no interface of the VPC has this address"]]);
  expect(reader.lost(9000)).toEqual([]);
});

it("says of an ICMP error that it is about a connection", () => {
  const reader = new TraceReader("trace_1", (device) => device.replace("eni", "eni-"));
  const given = [
    ...begun,
    ...lines("vpc forward rule ct state related accept (verdict accept)"),
    ...delivered,
  ];
  expect(given.flatMap((line) => reader.read(line, 0) ?? [])).toEqual([
    head,
    "  it is about a connection that is tracked",
    "  delivered to eni-b",
  ]);
});

it("leaves another trace's packets alone", () => {
  const reader = new TraceReader("trace_2", () => "eni-a");
  const given = [...begun, ...lines("vpc spoofed rule drop (verdict drop)")];
  expect(given.flatMap((line) => reader.read(line, 0) ?? [])).toEqual([]);
  expect(reader.lost(1000)).toEqual([]);
});
