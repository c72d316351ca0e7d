// What stands in for src/netns and src/sys/sysctl.ts, so that a call meets the world of the model.
import type { Netns } from "../../../src/datapath/operation.ts";
import type * as Namespaces from "../../../src/netns/namespace.ts";
import { JUNK, NODE, POD, here } from "./world.ts";

type Namespace = Namespaces.Namespace;

function handle(path: string, place: Netns): Namespace {
  const world = here();
  const fd = world.open(place);
  return { path, fd, identity: place, [Symbol.dispose]: () => world.close(fd) };
}

/** In place of src/netns/namespace.ts. */
export function namespaces(real: typeof Namespaces): Partial<typeof Namespaces> {
  const openNamespace = (path: string): Namespace => {
    if (path === POD) return handle(path, "pod");
    if (path === NODE) return handle(path, "node");
    // Found only when it is entered, as a namespace of another kind is.
    if (path === JUNK) return { ...handle(path, "pod"), identity: "junk" };
    throw new real.NamespaceError(path, true, "is gone");
  };
  return {
    ...real,
    openNamespace,
    openOwnNamespace: () => handle(NODE, "node"),
    inNamespace: (namespace, callback) => {
      if (namespace.path === JUNK) throw new real.NamespaceError(JUNK, false, "is not a network namespace");
      const world = here();
      const before = world.place;
      world.place = namespace.identity === "pod" ? "pod" : "node";
      try {
        return callback();
      } finally {
        world.place = before;
      }
    },
  };
}

/** In place of src/netns/find.ts. */
export function findings() {
  return {
    *allNamespaces(): Generator<Namespace> {
      yield handle(NODE, "node");
      yield handle(POD, "pod");
    },
    findNamespace: (identity: string): Namespace | undefined => {
      if (identity === "pod") return handle(POD, "pod");
      return identity === "node" ? handle(NODE, "node") : undefined;
    },
  };
}

/** In place of src/sys/sysctl.ts. */
export function sysctls() {
  return {
    readSysctl: (key: string) => here().readSysctl(key),
    writeSysctl: (key: string, value: string) => here().writeSysctl(key, value),
  };
}
