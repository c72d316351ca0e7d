import { INSTANCE_TYPE_DATA } from "./instance-type-data.ts";

export interface InstanceType {
  readonly name: string;
  readonly interfaces: number;
  readonly ipv4PerInterface: number;
  /** 0: the type has no trunk. */
  readonly branches: number;
}

let types: ReadonlyMap<string, InstanceType> | undefined;

/** All types that EC2 is known to have, by name. */
export function instanceTypes(): ReadonlyMap<string, InstanceType> {
  types ??= new Map(
    INSTANCE_TYPE_DATA.trim()
      .split("\n")
      .map((line) => {
        const [name = "", interfaces, ipv4, branches] = line.split(" ");
        return [
          name,
          {
            name,
            interfaces: Number(interfaces),
            ipv4PerInterface: Number(ipv4),
            branches: Number(branches),
          },
        ];
      }),
  );
  return types;
}
