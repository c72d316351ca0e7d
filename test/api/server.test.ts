// The ground itself: what of an API server has to be true before a test on it means anything. On a server of its own, which
// others do not miss when it is down.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startApiServer, type ApiServer } from "../ground/api-server.ts";
import { ApiClient } from "../ground/kubernetes/client.ts";
import { freePort } from "../ground/kubernetes/ports.ts";
import { eventually } from "../ground/run.ts";

const CONFIG_MAPS = "/api/v1/namespaces/default/configmaps";
const configMap = (name: string) => ({ metadata: { name }, data: { word: name } });

let server: ApiServer;
beforeAll(async () => {
  server = await startApiServer();
});
afterAll(() => server?.stop());

describe.each(["SIGKILL", "SIGTERM"] as const)("after %s and a new start", (signal) => {
  it("has its data, at the same address", async () => {
    const { url, pids } = server;
    const name = `kept-${signal.toLowerCase()}`;
    const before = await server.admin.create(CONFIG_MAPS, configMap(name));
    await server.restart(undefined, signal);
    expect(await server.admin.get(`${CONFIG_MAPS}/${name}`)).toEqual(before);
    expect(server.url).toBe(url);
    for (const [part, pid] of Object.entries(server.pids))
      expect(pid).not.toBe(pids[part as keyof typeof pids]);
  });
});

it("ends a watch when it is killed; what happened before its new start cannot be watched again", async () => {
  using watch = await server.admin.watch(CONFIG_MAPS);
  const { metadata } = await server.admin.create(CONFIG_MAPS, configMap("watched"));
  const { type } = await watch.next(({ object }) => object.metadata.name === "watched");
  expect(type).toBe("ADDED");
  await server.admin.create(CONFIG_MAPS, configMap("later"));
  await server.down(["kube-apiserver"], "SIGKILL");
  await expect(watch.next(() => false)).rejects.toThrow("the watch has ended");
  await expect(server.admin.get("/readyz")).rejects.toThrow("ECONNREFUSED");
  await server.up();
  using old = await server.admin.watch(`${CONFIG_MAPS}?resourceVersion=${metadata.resourceVersion}`);
  expect(await old.next()).toMatchObject({ type: "ERROR", object: { code: 410, reason: "Expired" } });
  const list = await server.admin.get<{ metadata: { resourceVersion: string } }>(CONFIG_MAPS);
  using next = await server.admin.watch(`${CONFIG_MAPS}?resourceVersion=${list.metadata.resourceVersion}`);
  await server.admin.delete(`${CONFIG_MAPS}/watched`);
  expect(await next.next()).toMatchObject({ type: "DELETED", object: { metadata: { name: "watched" } } });
});

it("works again after etcd alone was killed", async () => {
  const pid = server.pids["kube-apiserver"];
  await server.restart(["etcd"]);
  await server.admin.create(CONFIG_MAPS, configMap("after-etcd"));
  expect(server.pids["kube-apiserver"]).toBe(pid);
});

it("hangs while it is stopped by a signal, and goes on", async () => {
  const { "kube-apiserver": pid = 0 } = server.pids;
  server.signal("kube-apiserver", "SIGSTOP");
  let answer: Promise<unknown>;
  try {
    // Each of its threads stops when it is next on a processor.
    await eventually("all threads are stopped", () =>
      statesOf(pid).every((state) => state === "T") ? true : undefined,
    );
    answer = server.admin.get("/version");
    await expect(
      Promise.race([answer, new Promise((resolve) => setTimeout(resolve, 1_000, "hangs"))]),
    ).resolves.toBe("hangs");
  } finally {
    server.signal("kube-apiserver", "SIGCONT");
  }
  expect(await answer).toMatchObject({ gitVersion: "v1.36.3" });
});

it("runs beside another one, which leaves nothing when it is stopped", async () => {
  await using other = await startApiServer({ audit: false });
  expect(other.url).not.toBe(server.url);
  await other.admin.create(CONFIG_MAPS, configMap("here"));
  expect((await server.admin.request("GET", `${CONFIG_MAPS}/here`)).status).toBe(404);
  expect(existsSync(other.auditLog)).toBe(false);
  await expect(
    new ApiClient({ url: other.url, ca: server.ca, as: { token: "x" } }).get("/version"),
  ).rejects.toThrow(/signature|certificate/);
});

it("takes another port when somebody has the one it was given", async () => {
  const taken = Number(new URL(server.url).port);
  const given: number[] = [];
  const port = async () => {
    // The second one is the API server's.
    given.push(given.length === 1 ? taken : await freePort());
    return given.at(-1) ?? 0;
  };
  await using other = await startApiServer({ port });
  expect(other.url).toBe(`https://127.0.0.1:${given[3]}`);
  expect(await other.admin.request("GET", "/readyz")).toEqual({ status: 200, body: "ok" });
});

it("says why it does not start, with the end of the log", async () => {
  const start = startApiServer({ flags: { "kube-apiserver": ["--authorization-mode=Nobody"] } });
  await expect(start).rejects.toThrow(/kube-apiserver ended; its log ends with:[\s\S]*Nobody/);
});

it("says which part is not ready in time, and what it lacks", async () => {
  const start = startApiServer({ timeout: 0 });
  await expect(start).rejects.toThrow(/^etcd is not ready after 0 s: it does not serve; its log ends with:/);
});

it("leaves neither processes nor files when the process that started it is killed", async () => {
  const child = spawn(process.execPath, [path.join(import.meta.dirname, "support/starter.ts")], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const said = await Promise.race([
    once(createInterface(child.stdout), "line").then(([line]) => String(line)),
    once(child, "exit").then(([status]) => Promise.reject(new Error(`it ended with ${status}`))),
  ]);
  const { directory, pids } = JSON.parse(said) as { directory: string; pids: Record<string, number> };
  const names = Object.keys(pids);
  expect(names).toEqual(["etcd", "kube-apiserver", "kube-controller-manager"]);
  expect(names.filter((name) => isAlive(pids[name] ?? 0))).toEqual(names);
  child.kill("SIGKILL");
  await eventually("all has gone", () =>
    names.every((name) => !isAlive(pids[name] ?? 0)) && !existsSync(directory) ? true : undefined,
  );
});

/** Of each thread, as in ps. */
function statesOf(pid: number): readonly string[] {
  const directory = `/proc/${pid}/task`;
  return readdirSync(directory).map((task) => stateIn(path.join(directory, task, "stat")));
}

function stateIn(file: string): string {
  return /\) (\S) /.exec(readFileSync(file, "utf8"))?.[1] ?? "";
}

/** Whether it runs: one that has ended, and that nobody has asked for its status yet, does not. */
function isAlive(pid: number): boolean {
  const file = `/proc/${pid}/stat`;
  return existsSync(file) && stateIn(file) !== "Z";
}
