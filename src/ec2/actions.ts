/** EC2's APIs that the port calls. */
export const ACTIONS = [
  "AssociateTrunkInterface",
  "AttachNetworkInterface",
  "CreateNetworkInterface",
  "CreateTags",
  "DeleteNetworkInterface",
  "DescribeInstances",
  "DescribeManagedPrefixLists",
  "DescribeNetworkAcls",
  "DescribeNetworkInterfaces",
  "DescribeRouteTables",
  "DescribeSecurityGroupRules",
  "DescribeSecurityGroups",
  "DescribeSubnets",
  "DescribeTrunkInterfaceAssociations",
  "DetachNetworkInterface",
  "DisassociateTrunkInterface",
  "GetManagedPrefixListEntries",
  "ModifyNetworkInterfaceAttribute",
] as const;

export type Action = (typeof ACTIONS)[number];
