import { readFileSync } from "node:fs";
import path from "node:path";
import { parseAllDocuments } from "yaml";
import type { ApiAccess } from "../../ground/kubernetes/access.ts";
import type { KubernetesObject } from "../../ground/kubernetes/client.ts";
import { placeOf } from "./chart.ts";

const RBAC = path.resolve(import.meta.dirname, "../../../deploy/rbac");

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

/** The rights of a file of deploy/rbac. */
export class Rights {
  private readonly objects: readonly (KubernetesObject & { readonly rules?: readonly Rule[] })[];

  constructor(file: string) {
    this.objects = parseAllDocuments(readFileSync(path.join(RBAC, file), "utf8")).map(
      (document) => document.toJS() as KubernetesObject,
    );
  }

  async apply({ admin }: ApiAccess): Promise<void> {
    for (const object of this.objects)
      await admin.patch(`${placeOf(object)}?fieldManager=branchline-test`, "apply", object);
  }

  /** VERB GROUP/RESOURCE of each, sorted. */
  granted(): string[] {
    return this.objects
      .flatMap(({ rules = [] }) => rules)
      .flatMap(({ apiGroups, resources, verbs }) =>
        apiGroups.flatMap((group) =>
          resources.flatMap((resource) => verbs.map((verb) => `${verb} ${group}/${resource}`)),
        ),
      )
      .sort();
  }
}

/** What a user has asked of the API server, in the same words, and what of it was forbidden. */
export function asked(access: ApiAccess, user: string): { used: string[]; forbidden: string[] } {
  const requests = access.audited(user).flatMap(({ verb, objectRef, responseStatus }) => {
    if (objectRef === undefined) return [];
    const { apiGroup = "", resource, subresource } = objectRef;
    const what = subresource === undefined ? resource : `${resource}/${subresource}`;
    return [{ words: `${verb} ${apiGroup}/${what}`, isForbidden: responseStatus?.code === 403 }];
  });
  const words = (of: typeof requests) => [...new Set(of.map((one) => one.words))].sort();
  return { used: words(requests), forbidden: words(requests.filter(({ isForbidden }) => isForbidden)) };
}
