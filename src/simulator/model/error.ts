/** A refusal in EC2's words: what the wire turns into an error document. */
export class Ec2Error extends Error {
  readonly code: string;
  /** HTTP status: 400 unless the code has another (reference: "Wire form"). */
  readonly status: number;

  constructor(code: string, message: string, status?: number) {
    super(message);
    this.name = "Ec2Error";
    this.code = code;
    this.status = status ?? STATUS[code] ?? 400;
  }
}

const STATUS: Readonly<Record<string, number>> = {
  RequestLimitExceeded: 503,
  Throttling: 503,
  ServiceUnavailable: 503,
  Unavailable: 503,
  InternalError: 500,
  InternalFailure: 500,
  UnauthorizedOperation: 403,
  DryRunOperation: 412,
};

export function invalidValue(value: string | number, name: string, why = ""): Ec2Error {
  const tail = why === "" ? "" : ` ${why}`;
  return new Ec2Error("InvalidParameterValue", `Value (${value}) for parameter ${name} is invalid.${tail}`);
}

export function missing(name: string): Ec2Error {
  return new Ec2Error("MissingParameter", `The request must contain the parameter ${name}`);
}
