// Entering namespaces and finding them. Needs no VLAN: it also runs on a host, as root.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { allNamespaces, findNamespace } from "../../src/netns/find.ts";
import {
  type Namespace,
  NamespaceError,
  inNamespace,
  openNamespace,
  openOwnNamespace,
} from "../../src/netns/namespace.ts";
import { readSysctl, writeSysctl } from "../../src/sys/sysctl.ts";
import { createNetns, deleteNetns, eventually, must, netnsPath } from "../ground/index.ts";

const NAME = `netns-test-${process.pid}`;
let there: Namespace;

beforeAll(async () => {
  await createNetns(NAME);
  there = openNamespace(netnsPath(NAME));
});

afterAll(async () => {
  there[Symbol.dispose]();
  await deleteNetns(NAME);
});

/** The namespace that the calling thread is in: `net:[4026531840]`. */
const here = () => readlinkSync("/proc/thread-self/ns/net");

function caught(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error("Nothing was thrown");
}

/** A process in a new network namespace that nothing else leads to; how to end it. */
async function hermit(): Promise<{ child: ChildProcess; path: string }> {
  const own = here();
  const child = spawn("unshare", ["--net", "sleep", "60"], { stdio: "ignore" });
  onTestFinished(() => void child.kill("SIGKILL"));
  const path = `/proc/${child.pid}/ns/net`;
  // unshare becomes sleep once it is there.
  await eventually("a process in a namespace of its own", () =>
    readlinkSync(path) !== own && readFileSync(`/proc/${child.pid}/comm`, "utf8") === "sleep\n"
      ? true
      : undefined,
  );
  return { child, path };
}

async function end(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await ended;
}

describe("entering a namespace", () => {
  test("is for the callback only, whose answer comes back", () => {
    const before = here();
    const inside = inNamespace(there, () => here());
    expect(inside).not.toBe(before);
    expect(inside).toBe(`net:[${there.identity.split(":")[1]}]`);
    expect(here()).toBe(before);
  });

  test("ends also when the callback throws, and its error comes out", () => {
    const before = here();
    const error = new Error("of the callback");
    expect(
      caught(() =>
        inNamespace(there, () => {
          throw error;
        }),
      ),
    ).toBe(error);
    expect(here()).toBe(before);
  });

  test("may be done within another", async () => {
    const { path } = await hermit();
    using deeper = openNamespace(path);
    const before = here();
    const seen = inNamespace(there, () => [here(), inNamespace(deeper, () => here()), here()]);
    expect(new Set(seen).size).toBe(2);
    expect(seen[0]).toBe(seen[2]);
    expect(here()).toBe(before);
  });

  test("reaches its sysctls and no others", () => {
    const key = "ipv4/conf/default/rp_filter";
    const outside = readSysctl(key);
    const wanted = outside === "2" ? "1" : "2";
    inNamespace(there, () => expect(writeSysctl(key, wanted)).toBe(true));
    expect(inNamespace(there, () => readSysctl(key))).toBe(wanted);
    expect(readSysctl(key)).toBe(outside);
  });

  test("of another kind is refused, and we are where we were", () => {
    const before = here();
    using mounts = openNamespace("/proc/self/ns/mnt");
    const error = caught(() => inNamespace(mounts, () => here()));
    expect(error).toBeInstanceOf(NamespaceError);
    expect(error).toMatchObject({
      gone: false,
      message: 'network namespace "/proc/self/ns/mnt" is not a network namespace',
    });
    expect(here()).toBe(before);
  });

  test("leaves no descriptor behind, whatever happens in it", () => {
    const lowestFree = () => {
      using probe = openOwnNamespace();
      return probe.fd;
    };
    const before = lowestFree();
    for (let i = 0; i < 3; i++) {
      inNamespace(there, () => undefined);
      caught(() =>
        inNamespace(there, () => {
          throw new Error("x");
        }),
      );
    }
    expect(lowestFree()).toBe(before);
  });
});

describe("opening a namespace", () => {
  test("by the path of a process", async () => {
    const { child, path } = await hermit();
    using opened = openNamespace(path);
    expect(inNamespace(opened, () => here())).toBe(readlinkSync(path));
    await end(child);
    // The descriptor keeps it, although nothing leads there now.
    expect(inNamespace(opened, () => here())).toContain(opened.identity.split(":")[1]);
    expect(caught(() => openNamespace(path))).toMatchObject({ gone: true });
  });

  test("of a process that has ended and was not waited for: it is gone", async () => {
    // The child of a shell that never waits stays a zombie: its /proc entry is there, its namespace is not.
    const parent = spawn("sh", ["-c", "sleep 0 & echo $!; exec sleep 60"], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    onTestFinished(() => void parent.kill("SIGKILL"));
    const pid = await new Promise<string>((resolve) => {
      parent.stdout.once("data", (data: Buffer) => resolve(data.toString().trim()));
    });
    await eventually("a zombie", () =>
      /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8")) ? true : undefined,
    );
    expect(caught(() => openNamespace(`/proc/${pid}/ns/net`))).toMatchObject({
      name: "NamespaceError",
      gone: true,
    });
  });

  test("whose mount is gone, its file still there: it is gone", async () => {
    const name = `${NAME}-unmounted`;
    await createNetns(name);
    onTestFinished(() => rmSync(netnsPath(name), { force: true }));
    await must(["umount", netnsPath(name)]);
    expect(readFileSync(netnsPath(name), "utf8")).toBe("");
    const error = caught(() => openNamespace(netnsPath(name)));
    expect(error).toMatchObject({ name: "NamespaceError", gone: true, path: netnsPath(name) });
  });
});

describe("a FIFO where a namespace should be", () => {
  test("does not keep us waiting", async () => {
    const path = `/run/netns/${NAME}-fifo`;
    await must(["mkfifo", path]);
    onTestFinished(() => rmSync(path));
    expect(caught(() => openNamespace(path))).toBeInstanceOf(NamespaceError);
    expect(findNamespace("0:0")).toBeUndefined();
  });
});

describe("finding a namespace by its identity", () => {
  test("that is mounted, under its name", () => {
    using found = findNamespace(there.identity);
    expect(found?.path).toBe(netnsPath(NAME));
  });

  test("that only a process holds; no longer, once that has ended", async () => {
    const { child, path } = await hermit();
    let identity: string;
    {
      using opened = openNamespace(path);
      ({ identity } = opened);
    }
    {
      using found = findNamespace(identity);
      expect(found?.path).toBe(path);
    }
    await end(child);
    await eventually("the namespace's end", () => {
      using found = findNamespace(identity);
      return found === undefined ? true : undefined;
    });
  });

  test("passes over what is no namespace in the usual places", () => {
    // What another program left there must not keep us from looking on.
    mkdirSync("/run/netns", { recursive: true });
    const stray = `/run/netns/${NAME}-stray`;
    writeFileSync(stray, "");
    onTestFinished(() => rmSync(stray));
    using found = findNamespace(there.identity);
    expect(found?.identity).toBe(there.identity);
    expect(findNamespace("0:0")).toBeUndefined();
  });

  test("each once, ours among them", () => {
    using own = openOwnNamespace();
    const identities: string[] = [];
    for (const namespace of allNamespaces()) {
      identities.push(namespace.identity);
      namespace[Symbol.dispose]();
    }
    expect(identities).toContain(own.identity);
    expect(identities).toContain(there.identity);
    expect(new Set(identities).size).toBe(identities.length);
  });
});
