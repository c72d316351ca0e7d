/** The annotation's fields, as AWS's controller names them (pkg/provider/branch of amazon-vpc-resource-controller-k8s). */
export interface AnnotationFields {
  readonly eniId: string;
  readonly mac: string;
  /** Empty: none. */
  readonly ipv4: string;
  readonly ipv6: string;
  readonly vlanId: number;
  /** The subnet's ranges; empty: none. */
  readonly subnet: string;
  readonly subnetV6: string;
  readonly associationId: string;
}

/** The text of the pod-eni annotation for one branch: decodeBranch reads it back. */
export function encodeBranch(fields: AnnotationFields): string {
  return JSON.stringify([
    {
      eniId: fields.eniId,
      ifAddress: fields.mac,
      privateIp: fields.ipv4,
      ipv6Addr: fields.ipv6,
      vlanId: fields.vlanId,
      subnetCidr: fields.subnet,
      subnetV6Cidr: fields.subnetV6,
      associationID: fields.associationId,
    },
  ]);
}
