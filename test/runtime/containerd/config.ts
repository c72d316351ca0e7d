// containerd's configuration, of version 2, which containerd 2 reads too: nothing but what a pod with an address takes.
import path from "node:path";
import { imageName } from "./image.ts";

/** Everything containerd has, below one directory in memory. */
export interface Places {
  /** What survives a reboot: images, and the sandboxes it knows. */
  readonly root: string;
  /** What does not. */
  readonly state: string;
  readonly socket: string;
  /** CNI plugins. */
  readonly plugins: string;
  /** CNI lists of a runtime handler. */
  readonly lists: (handler: string) => string;
}

export function placesBelow(dir: string): Places {
  return {
    root: path.join(dir, "root"),
    state: path.join(dir, "run", "state"),
    socket: path.join(dir, "run", "containerd.sock"),
    plugins: path.join(dir, "plugins"),
    lists: (handler) => path.join(dir, "net.d", handler),
  };
}

/** Snapshotters, image converters, watchdogs, of either release: each costs start-up time, and no test needs them. */
const disabled = [
  "grpc.v1.healthcheck",
  "internal.v1.opt",
  "internal.v1.restart",
  "internal.v1.tracing",
  "monitor.v1.cgroups",
  "nri.v1.nri",
  "snapshotter.v1.aufs",
  "snapshotter.v1.blockfile",
  "snapshotter.v1.btrfs",
  "snapshotter.v1.devmapper",
  "snapshotter.v1.erofs",
  "snapshotter.v1.native",
  "snapshotter.v1.zfs",
  "tracing.processor.v1.otlp",
];

/**
 * The file. Each runtime handler has a directory of its own for CNI lists, so that one containerd serves pods of every
 * datapath. The first one is for pods that name none, and its list the one that containerd tells about.
 */
export function configText(places: Places, handlers: readonly [string, ...string[]]): string {
  const cri = `plugins."io.containerd.grpc.v1.cri"`;
  return `version = 2
root = "${places.root}"
state = "${places.state}"
disabled_plugins = [${disabled.map((name) => `"io.containerd.${name}"`).join(", ")}]

[grpc]
address = "${places.socket}"

# Of two seconds; an emulated processor with thirty pods takes longer, and containerd 2 then fails what asked.
[timeouts]
"io.containerd.timeout.task.state" = "2m"

[${cri}]
sandbox_image = "${imageName}"
# Lowering a score takes CAP_SYS_RESOURCE, which not every root has.
restrict_oom_score_adj = true
# The guest has neither.
disable_apparmor = true
enable_selinux = false

[${cri}.cni]
bin_dir = "${places.plugins}"
conf_dir = "${places.lists(handlers[0])}"

[${cri}.containerd]
snapshotter = "overlayfs"
default_runtime_name = "${handlers[0]}"
${handlers.map((handler, i) => handlerText(cri, handler, i === 0 ? undefined : places.lists(handler))).join("")}`;
}

function handlerText(cri: string, handler: string, lists: string | undefined): string {
  return `
[${cri}.containerd.runtimes.${handler}]
runtime_type = "io.containerd.runc.v2"
${lists === undefined ? "" : `cni_conf_dir = "${lists}"\ncni_max_conf_num = 1\n`}`;
}
