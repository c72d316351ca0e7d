// What lies in an API server's directory before anything starts there.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { auditLogIn, adminKubeconfigIn, certificatesIn, kubeconfigsIn } from "./access.ts";
import { Authority, writeKey, type Certificate, type Subject } from "./certificates.ts";
import { SERVER_NAMES, type Setting } from "./flags.ts";
import { kubeconfigOf } from "./kubeconfig.ts";

const MASTERS: Subject = { user: "admin", groups: ["system:masters"] };
const CONTROLLER_MANAGER: Subject = { user: "system:kube-controller-manager" };
const SCHEDULER: Subject = { user: "system:kube-scheduler" };
const KUBELET_CLIENT: Subject = { user: "kube-apiserver-kubelet-client", groups: ["system:masters"] };

export interface Ports {
  readonly etcdPort: number;
  readonly port: number;
}

export interface Wanted {
  readonly audit: object | false;
  readonly withControllerManager: boolean;
  /** By which nodes reach the API server, if there are any. */
  readonly nodesAddress: string | undefined;
}

/** Makes certificates, and gives a function that writes down the ports, which may have to be tried more than once. */
export async function prepare(
  directory: string,
  { audit, withControllerManager, nodesAddress }: Wanted,
): Promise<(ports: Ports) => Setting> {
  const certificates = certificatesIn(directory);
  for (const each of [certificates, kubeconfigsIn(directory)]) mkdirSync(each, { mode: 0o700 });
  const authority = await Authority.make(certificates);
  const names = [...SERVER_NAMES, ...(nodesAddress === undefined ? [] : [`IP:${nodesAddress}`])];
  const [server, admin, manager, scheduler, kubeletClient] = await Promise.all([
    authority.server({ user: "kube-apiserver" }, names),
    authority.client(MASTERS),
    authority.client(CONTROLLER_MANAGER),
    authority.client(SCHEDULER),
    authority.client(KUBELET_CLIENT),
  ]);
  const tokens = {
    certificate: path.join(certificates, "tokens.pub"),
    key: path.join(certificates, "tokens.key"),
  };
  writeFileSync(tokens.certificate, writeKey(tokens.key));
  const policy = path.join(directory, "audit-policy.json");
  if (audit !== false) writeFileSync(policy, JSON.stringify(audit));

  return (ports) => {
    const write = (file: string, as: Certificate) => {
      const text = { certificate: readFileSync(as.certificate, "utf8"), key: readFileSync(as.key, "utf8") };
      const url = `https://127.0.0.1:${ports.port}`;
      writeFileSync(file, kubeconfigOf({ url, ca: authority.pem, as: text }), { mode: 0o600 });
      return file;
    };
    write(adminKubeconfigIn(directory), admin);
    return {
      ...ports,
      directory,
      authority: authority.own,
      server,
      tokens,
      audit: audit === false ? undefined : { policy, log: auditLogIn(directory) },
      withControllerManager,
      controllerManager: write(path.join(kubeconfigsIn(directory), "controller-manager"), manager),
      scheduler: write(path.join(kubeconfigsIn(directory), "scheduler"), scheduler),
      nodes: nodesAddress === undefined ? undefined : { address: nodesAddress, kubeletClient },
    };
  };
}
