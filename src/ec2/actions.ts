/** EC2's APIs that the port calls. */
export const ACTIONS = [
  "AssociateTrunkInterface",
  "AttachNetworkInterface",
  "CreateNetworkInterface",
  "DeleteNetworkInterface",
  "DescribeInstances",
  "DescribeNetworkInterfaces",
  "DescribeSecurityGroups",
  "DescribeSubnets",
  "DescribeTrunkInterfaceAssociations",
  "DetachNetworkInterface",
  "DisassociateTrunkInterface",
  "ModifyNetworkInterfaceAttribute",
] as const;

export type Action = (typeof ACTIONS)[number];
