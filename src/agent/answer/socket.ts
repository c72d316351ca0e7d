import { chmodSync, lstatSync, renameSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import type { BranchAnswer, GoneAnswer } from "../../state/answer.ts";
import { MAX_LINE, socketPath } from "../../state/exchange.ts";
import { type Question, QuestionError, readQuestion } from "../../state/question.ts";
import { removeTemporaries, temporaryName } from "../../sys/durable.ts";
import { ensureOwnDirectory } from "../../sys/files.ts";
import { peerUidOf } from "../../sys/peer.ts";
import { stackOf } from "../../text/error-words.ts";

/** The socket on which the plugin asks: one question a connection, one line each way. */

/** More are told to try again: each is a process that waits. */
const MAX_CONNECTIONS = 256;
/** For the question; it comes in one piece from a process of this node. */
const QUESTION_MS = 5_000;
/** For the answer to be taken. */
const ANSWER_MS = 5_000;

export interface SocketOptions {
  readonly stateDirectory: string;
  readonly answer: (question: Question) => Promise<BranchAnswer | GoneAnswer>;
  readonly log: (level: "warn" | "error", message: string) => void;
}

/** Listens until it is disposed of, which waits for the answers under way. */
export class AgentSocket implements AsyncDisposable {
  private readonly options: SocketOptions;
  private readonly server: Server;
  private readonly path: string;
  private readonly connections = new Set<Socket>();
  private inode = 0;

  private constructor(options: SocketOptions) {
    this.options = options;
    this.path = socketPath(options.stateDirectory);
    this.server = createServer((socket) => this.connected(socket));
  }

  /** Takes the socket's place over from an agent before us, whose connections go on. */
  static async open(options: SocketOptions): Promise<AgentSocket> {
    ensureOwnDirectory(options.stateDirectory);
    const agent = new AgentSocket(options);
    await agent.listen();
    return agent;
  }

  /** Whether the socket's name still leads here. */
  get isThere(): boolean {
    return lstatSync(this.path, { throwIfNoEntry: false })?.ino === this.inode;
  }

  get openConnections(): number {
    return this.connections.size;
  }

  /**
   * Listens under another name, which then replaces the old socket: there is never none, and never one that others may
   * connect to. Closing removes the other name only, so it does not take a later agent's socket away.
   */
  private async listen(): Promise<void> {
    const found = lstatSync(this.path, { throwIfNoEntry: false });
    if (found !== undefined && !found.isSocket()) throw new Error(`${this.path} is not a socket; remove it`);
    removeTemporaries(this.path);
    const temporary = temporaryName(this.path);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.server.once("error", reject);
    this.server.listen({ path: temporary, backlog: MAX_CONNECTIONS }, resolve);
    await promise;
    this.server.off("error", reject);
    this.server.on("error", (error) => this.options.log("error", `${this.path}: ${error.message}`));
    chmodSync(temporary, 0o600);
    this.inode = lstatSync(temporary).ino;
    renameSync(temporary, this.path);
  }

  private connected(socket: Socket): void {
    socket.on("error", () => socket.destroy());
    const uid = peerUidOf(socket);
    if (uid !== 0) {
      this.options.log("warn", `${this.path}: user ${uid ?? "unknown"} asked; only root may`);
      socket.destroy();
      return;
    }
    if (this.connections.size >= MAX_CONNECTIONS) {
      this.say(socket, { answer: "wait", reason: `the agent has ${MAX_CONNECTIONS} questions already` });
      return;
    }
    this.connections.add(socket);
    socket.once("close", () => this.connections.delete(socket));
    this.serve(socket).catch((error: unknown) => {
      // A defect of ours: the plugin asks again.
      const words = stackOf(error);
      this.options.log("error", `an answer failed: ${words}`);
      socket.destroy();
    });
  }

  private async serve(socket: Socket): Promise<void> {
    const line = await lineFrom(socket);
    if (line === undefined) {
      socket.destroy();
      return;
    }
    let question: Question;
    try {
      question = readQuestion(line);
    } catch (error) {
      if (!(error instanceof QuestionError)) throw error;
      this.options.log("warn", error.message);
      this.say(socket, { answer: "refused", reason: error.message });
      return;
    }
    this.say(socket, await this.options.answer(question));
  }

  private say(socket: Socket, answer: BranchAnswer | GoneAnswer): void {
    if (socket.destroyed) return;
    socket.setTimeout(ANSWER_MS, () => socket.destroy());
    socket.end(`${JSON.stringify(answer)}\n`);
    // A question that is not read would break the connection before the answer is taken.
    socket.resume();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    // Takes no more, and calls back when the last connection is closed.
    this.server.close(() => resolve());
    if (this.isThere) rmSync(this.path, { force: true });
    await promise;
  }
}

/** The first line; undefined when the peer goes, says too much, or nothing for too long. */
function lineFrom(socket: Socket): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const chunks: Buffer[] = [];
  let length = 0;
  const limit = setTimeout(() => resolve(undefined), QUESTION_MS);
  const none = () => resolve(undefined);
  const take = (chunk: Buffer) => {
    const end = chunk.indexOf(0x0a);
    chunks.push(end === -1 ? chunk : chunk.subarray(0, end));
    length += chunk.length;
    if (end !== -1) resolve(Buffer.concat(chunks).toString("utf8"));
    else if (length > MAX_LINE) none();
  };
  socket.on("data", take).once("end", none).once("close", none);
  return promise.finally(() => {
    clearTimeout(limit);
    socket.off("data", take).off("end", none).off("close", none);
    // What follows is read and dropped, so that the plugin's end is noticed.
    socket.resume();
  });
}
