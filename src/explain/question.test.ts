import { describe, expect, it } from "vitest";
import { questionsOf, type QuestionFlags } from "./question.ts";

const asked = (flags: Partial<QuestionFlags>) => questionsOf({ fromNode: false, ...flags }, "shop");

describe("questionsOf", () => {
  it("asks for name servers and probes unless told otherwise", () =>
    expect(asked({})).toEqual([{ kind: "dns", protocols: ["udp", "tcp"] }, { kind: "probes" }]));

  it.each([
    ["10.0.0.7:443", { host: "10.0.0.7", isAddress: true, protocol: "tcp", port: 443 }],
    ["10.0.0.7:53/udp", { host: "10.0.0.7", isAddress: true, protocol: "udp", port: 53 }],
    ["10.0.0.7:53/TCP", { host: "10.0.0.7", isAddress: true, protocol: "tcp", port: 53 }],
    ["[FD00::0:1]:443", { host: "fd00::1", isAddress: true, protocol: "tcp", port: 443 }],
    ["localhost:80", { host: "127.0.0.1", isAddress: true, protocol: "tcp", port: 80 }],
  ])("--to %s is an address, and no name server is asked", (to, expected) =>
    expect(asked({ to })).toEqual([{ kind: "to", ...expected }]),
  );

  it.each([
    ["db.example.com:5432", "db.example.com"],
    ["DB.Example.com.:5432", "db.example.com"],
    ["db:5432", "db"],
    ["_x._tcp.db:5432", "_x._tcp.db"],
  ])("--to %s is a name, which is asked for by udp first", (to, host) =>
    expect(asked({ to })).toEqual([
      { kind: "dns", protocols: ["udp"] },
      { kind: "to", host, isAddress: false, protocol: "tcp", port: 5432 },
    ]),
  );

  it("takes the pod's namespace for another pod without one", () => {
    expect(asked({ toPod: "db-0:5432", fromPod: "data/etl-1", fromNode: true, port: "9000/udp" })).toEqual([
      { kind: "to-pod", pod: { namespace: "shop", name: "db-0" }, protocol: "tcp", port: 5432 },
      { kind: "from-node", at: { protocol: "udp", port: 9000 } },
      { kind: "from-pod", pod: { namespace: "data", name: "etl-1" }, at: { protocol: "udp", port: 9000 } },
    ]);
    expect(asked({ fromNode: true })).toEqual([{ kind: "from-node", at: undefined }]);
  });

  it.each<[Partial<QuestionFlags>, string]>([
    [{ to: "db.example.com" }, '--to "db.example.com" has no port'],
    [{ to: "fd00::1:443" }, "IPv6 is [ADDRESS]:PORT"],
    [{ to: "https://db:443/x" }, "is a URL: give HOST:PORT, such as db:443"],
    [{ to: "db:0" }, '"0" is no port'],
    [{ to: "db:65536" }, '"65536" is no port'],
    [{ to: "db:https" }, '"https" is no port'],
    [{ to: "db:53/icmp" }, '"53/icmp" is no port'],
    [{ to: "-db:53" }, '"-db" is neither an address nor a name'],
    [{ to: "10.0.0.300:53/udp x" }, "is no port"],
    [{ to: ":80" }, "has no port"],
    [{ toPod: "a/b/c:80" }, "is not NAMESPACE/NAME"],
    [{ toPod: "shop/db-0" }, "has no port"],
    [{ fromPod: "Shop/db" }, '"Shop/db" is not NAMESPACE/NAME'],
    [{ port: "80" }, "--port is the pod's own"],
    [{ fromNode: true, port: "http" }, '"http" is no port'],
  ])("refuses %j", (flags, words) => expect(() => asked(flags)).toThrow(words));
});
