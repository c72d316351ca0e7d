// The JavaScript SDK as a client of the table.

import * as ec2 from "@aws-sdk/client-ec2";
import { REGION, type Client } from "./play.ts";

/** What the SDK signs with: any keys do where none are configured. */
export const KEYS = {
  accessKeyId: "AKIAIOSFODNN7EXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
};

export function sdkClient(endpoint: string): ec2.EC2Client {
  return new ec2.EC2Client({ endpoint, region: REGION, credentials: KEYS, maxAttempts: 1 });
}

type Command = new (parameters: object) => Parameters<ec2.EC2Client["send"]>[0];

/** Asks by the operation's name. What is no answer of EC2 is thrown: a refused connection, XML that cannot be read. */
export function sdkPlayer(client: ec2.EC2Client): Client {
  return async (operation, parameters) => {
    const command = (ec2 as unknown as Record<string, Command | undefined>)[`${operation}Command`];
    if (command === undefined) throw new Error(`the SDK has no operation ${operation}`);
    try {
      const { $metadata, ...body } = (await client.send(
        new command(parameters),
      )) as ec2.DescribeVpcsCommandOutput;
      return { status: $metadata.httpStatusCode ?? 0, body };
    } catch (error) {
      if (!(error instanceof ec2.EC2ServiceException)) throw error;
      return { status: error.$metadata.httpStatusCode ?? 0, code: error.name, message: error.message };
    }
  };
}
