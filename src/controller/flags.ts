import { UsageError } from "../sys/command-line.ts";
import { quote } from "../text/json.ts";

/** Flags that the controller and cleanup have in common. Each throws UsageError. */

/** `flag` names a cluster in tags; `question` is asked without it. */
export function clusterOf(flag: string, name: string | undefined, question: string): string {
  if (name === undefined || name === "") throw new UsageError(`${question} give ${flag} NAME`);
  // EC2 would take a star for the tags of every cluster.
  if (!/^[A-Za-z0-9][A-Za-z0-9._:@+-]{0,99}$/.test(name))
    throw new UsageError(`${flag} ${quote(name)} is no name of a cluster`);
  return name;
}

/** Undefined when it was not given. */
export function vpcIdOf(id: string | undefined): string | undefined {
  if (id !== undefined && !/^vpc-[0-9a-f]{8,17}$/.test(id))
    throw new UsageError(`--vpc-id ${quote(id)} is no id of a VPC`);
  return id;
}
