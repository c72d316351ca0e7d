import { Cache, type CacheOptions } from "../kubernetes/cache.ts";
import { fieldsOf, textsByKey } from "../kubernetes/fields.ts";
import { type KubernetesObject, readMetadata } from "../kubernetes/metadata.ts";
import type { Resource } from "../kubernetes/resource.ts";
import { quote } from "../text/json.ts";
import { instanceTypes } from "../values/instance-types.ts";
import type { TypeLimits } from "./view.ts";

/** AWS's setting, which its users know: seconds, at least 30. */
const COOLDOWN = { namespace: "kube-system", name: "amazon-vpc-cni", key: "branch-eni-cooldown" } as const;
const LEAST_COOLDOWN_S = 30;
/** Instance types that we do not know, or that have changed: TYPE: "INTERFACES BRANCHES". */
const TYPES = { namespace: "kube-system", name: "branchline-instance-types" } as const;

interface ConfigMap extends KubernetesObject {
  readonly data: Readonly<Record<string, string>>;
}

const CONFIG_MAPS: Resource<ConfigMap> = {
  group: "",
  version: "v1",
  plural: "configmaps",
  kind: "ConfigMap",
  isNamespaced: true,
  read: (object) => ({ metadata: readMetadata(object), data: textsByKey(fieldsOf(object)["data"]) }),
};

/** What ConfigMaps change of the controller's settings, as of this moment. */
export class ConfigMaps {
  private readonly cooldown: Cache<ConfigMap>;
  private readonly types: Cache<ConfigMap>;
  private readonly warn: (message: string) => void;
  private readonly defaultCooldownMs: number;

  constructor(
    options: Omit<CacheOptions<KubernetesObject>, "resource" | "scope">,
    defaultCooldownMs: number,
    changed: () => void,
  ) {
    this.warn = options.warn;
    this.defaultCooldownMs = defaultCooldownMs;
    const cacheOf = ({ namespace, name }: { readonly namespace: string; readonly name: string }) =>
      new Cache<ConfigMap>({
        ...options,
        resource: CONFIG_MAPS,
        scope: { namespace, fieldSelector: `metadata.name=${name}` },
      });
    this.cooldown = cacheOf(COOLDOWN);
    this.types = cacheOf(TYPES);
    for (const cache of this.caches()) {
      cache.listen(() => {
        this.complain();
        changed();
      });
    }
  }

  caches(): readonly Cache<ConfigMap>[] {
    return [this.cooldown, this.types];
  }

  get cooldownMs(): number {
    return readCooldown(this.cooldownText) ?? this.defaultCooldownMs;
  }

  limitsOf(type: string): TypeLimits | undefined {
    return readLimits(this.typesData[type]) ?? instanceTypes().get(type);
  }

  private get cooldownText(): string | undefined {
    return this.cooldown.get(COOLDOWN.name, COOLDOWN.namespace)?.data[COOLDOWN.key];
  }

  private get typesData(): Readonly<Record<string, string>> {
    return this.types.get(TYPES.name, TYPES.namespace)?.data ?? {};
  }

  /** A value that cannot be used is not used, and said. */
  private complain(): void {
    const text = this.cooldownText;
    if (text !== undefined && readCooldown(text) === undefined) {
      this.warn(
        `${COOLDOWN.key} ${quote(text)} in the ConfigMap ${COOLDOWN.namespace}/${COOLDOWN.name} is no whole number of seconds from ${LEAST_COOLDOWN_S} up: ${this.defaultCooldownMs / 1000} s are used`,
      );
    }
    for (const [type, limits] of Object.entries(this.typesData)) {
      if (readLimits(limits) !== undefined) continue;
      this.warn(
        `${quote(limits)} for ${type} in the ConfigMap ${TYPES.namespace}/${TYPES.name} is not INTERFACES BRANCHES, such as "3 9"`,
      );
    }
  }
}

/** Milliseconds; undefined for what is none. */
export function readCooldown(text: string | undefined): number | undefined {
  const seconds = /^\d{1,5}$/.test(text ?? "") ? Number(text) : -1;
  return seconds >= LEAST_COOLDOWN_S ? seconds * 1000 : undefined;
}

export function readLimits(text: string | undefined): TypeLimits | undefined {
  const found = /^\s*(\d{1,3})\s+(\d{1,3})\s*$/.exec(text ?? "");
  return found === null ? undefined : { interfaces: Number(found[1]), branches: Number(found[2]) };
}
