import type { SecurityGroupPolicyObject } from "../kubernetes/objects.ts";
import type { Change } from "../kubernetes/store.ts";
import type { SecurityGroupPolicy } from "../policy/security-group-policy.ts";

/** Policies by their namespace: a pod is compared with those of its own. */
export class PoliciesByNamespace {
  private readonly namespaces = new Map<string, Map<string, SecurityGroupPolicy>>();

  /** Gives the namespace that the change is about. */
  apply({ type, object: { metadata, policy } }: Change<SecurityGroupPolicyObject>): string {
    const { namespace, name } = metadata;
    const policies = this.namespaces.get(namespace) ?? new Map<string, SecurityGroupPolicy>();
    if (type === "deleted") policies.delete(name);
    else policies.set(name, policy);
    if (policies.size === 0) this.namespaces.delete(namespace);
    else this.namespaces.set(namespace, policies);
    return namespace;
  }

  of(namespace: string): readonly SecurityGroupPolicy[] {
    return [...(this.namespaces.get(namespace)?.values() ?? [])];
  }
}
