// EC2 clients that are no JavaScript: where they are, what their environment is, and the AWS CLI as a client of the table.

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { type Answer, type Client, REGION } from "./play.ts";
import { KEYS } from "./sdk.ts";

const SETUP = join(import.meta.dirname, "../setup");
const CLIENTS = join(import.meta.dirname, "clients");
const run = promisify(execFile);

/** The Python environment with the AWS CLI, boto3 and moto; made when it is not there, which takes a minute. */
export async function awsClients(): Promise<string> {
  const { stdout } = await run(join(SETUP, "aws-clients.sh"));
  return stdout.trim();
}

/** The controller's calls as a Go program; built when it is not there, which takes minutes. */
export async function goClient(): Promise<string> {
  const { stdout } = await run(join(SETUP, "go-client.sh"));
  return stdout.trim();
}

export const clientFile = (name: string) => join(CLIENTS, name);

/** What points a client at a server, and at nothing of the machine's own. */
export function environmentFor(endpoint: string, clients = ""): NodeJS.ProcessEnv {
  return {
    PATH: `${clients === "" ? "" : `${clients}/bin:`}${process.env["PATH"] ?? ""}`,
    HOME: "/nonexistent",
    AWS_ENDPOINT_URL_EC2: endpoint,
    AWS_REGION: REGION,
    AWS_DEFAULT_REGION: REGION,
    AWS_ACCESS_KEY_ID: KEYS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: KEYS.secretAccessKey,
    AWS_EC2_METADATA_DISABLED: "true",
  };
}

/**
 * Runs a program to its end and gives its lines.
 *
 * @throws {Error} with what it wrote to stderr, when it fails
 */
export async function linesOf(
  program: string,
  parameters: string[],
  env: NodeJS.ProcessEnv,
): Promise<string[]> {
  const { stdout } = await run(program, parameters, { env, timeout: 500_000 });
  return stdout.trimEnd().split("\n");
}

/** The AWS CLI, asked one request after another. */
export class AwsCli implements AsyncDisposable {
  private readonly process: ChildProcess;
  private readonly answers: AsyncIterator<string>;
  private readonly directory = mkdtempSync(join(tmpdir(), "branchline-cli-"));
  private last: Promise<unknown> = Promise.resolve();

  constructor(endpoint: string, clients: string) {
    // The server is to refuse what is wrong, not the client.
    const configuration = join(this.directory, "config");
    writeFileSync(configuration, "[default]\nparameter_validation = false\n");
    this.process = spawn(join(clients, "bin/python"), [clientFile("aws_cli.py")], {
      env: { ...environmentFor(endpoint, clients), AWS_CONFIG_FILE: configuration, AWS_MAX_ATTEMPTS: "1" },
      stdio: ["pipe", "pipe", "inherit"],
    });
    if (this.process.stdout === null) throw new Error("no pipe to the AWS CLI");
    this.answers = createInterface(this.process.stdout)[Symbol.asyncIterator]();
  }

  readonly ask: Client = (operation, parameters) => {
    const answer = this.last.then(async (): Promise<Answer> => {
      this.process.stdin?.write(`${JSON.stringify({ operation, parameters })}\n`);
      const { value, done } = await this.answers.next();
      if (done === true) throw new Error(`the AWS CLI ended at ${operation}`);
      return { status: 0, ...(JSON.parse(value) as { body: unknown }) };
    });
    this.last = answer.catch(() => undefined);
    return answer;
  };

  async [Symbol.asyncDispose](): Promise<void> {
    this.process.stdin?.end();
    if (this.process.exitCode === null) await new Promise((resolve) => this.process.once("exit", resolve));
    rmSync(this.directory, { recursive: true });
  }
}
