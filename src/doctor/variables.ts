/** Variables of aws-node that the checks know. The values of others are nobody's business. */
const KNOWN = [
  "ENABLE_POD_ENI",
  "MAX_ENI",
  "POD_SECURITY_GROUP_ENFORCING_MODE",
  "DISABLE_TCP_EARLY_DEMUX",
  "HOST_CNI_CONFDIR_PATH",
  "WARM_IP_TARGET",
  "WARM_ENI_TARGET",
  "MINIMUM_IP_TARGET",
  "ENABLE_PREFIX_DELEGATION",
  "AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG",
  "AWS_VPC_K8S_CNI_EXTERNALSNAT",
  "AWS_VPC_ENI_MTU",
  "DISABLE_INTROSPECTION",
];

export function knownVariables(env: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    KNOWN.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]] as const])),
  );
}
