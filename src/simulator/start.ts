import type { Server } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { answerControl } from "./control.ts";
import type { Authorizer } from "./iam/authorizer.ts";
import type { DataPlane } from "./data-plane/data-plane.ts";
import { answerMetadata } from "./metadata.ts";
import { type Authorize, Simulator } from "./model/simulator.ts";
import type { World } from "./model/types.ts";
import { pageOf } from "./page.ts";
import { answerEc2, tooLargeReply } from "./wire/ec2.ts";
import type { Call } from "./wire/ec2.ts";
import { Holds } from "./wire/holds.ts";
import { listen } from "./wire/http.ts";

/** How often what is due is looked for: the model itself is exact, its observers hear of it so much later. */
const TICK_MS = 50;
/** Calls that the page remembers. */
const MAX_CALLS = 2000;

export interface StartOptions {
  /** `address:port` of each. */
  readonly listen: string;
  readonly metadataListen: string;
  /** The instance whose metadata is at `/latest`; the first when absent. */
  readonly metadataInstance?: string;
  /** Makes the world anew, for the start and for each reset. */
  readonly makeWorld: (now: number) => World;
  /** What requests are allowed; of one access key if it is given, and others may do anything. */
  readonly iam?: { readonly authorizer: Authorizer; readonly key?: string };
  readonly log: (line: Readonly<Record<string, unknown>>) => void;
  /** Makes the model real in network namespaces; it ends with the servers. */
  readonly makeDataPlane?: (world: () => World) => DataPlane;
}

export interface Running {
  readonly ec2: string;
  readonly metadata: string;
  readonly control: string;
  readonly simulator: () => Simulator;
  readonly dataPlane?: DataPlane;
  now(): number;
  stop(): Promise<void>;
}

/** Seen by the page and by the control endpoint. */
export interface Session {
  simulator: Simulator;
  readonly calls: { readonly at: number; readonly call: Call }[];
  readonly holds: Holds;
  now(): number;
  /** Moves the simulated time on. */
  advance(milliseconds: number): void;
  reset(): void;
  readonly metadataInstance?: string;
  readonly dataPlane?: DataPlane;
  readonly authorizer?: Authorizer;
}

/** Starts all three servers; they are up when it resolves. */
export async function start(options: StartOptions): Promise<Running> {
  let offset = 0;
  const now = () => Date.now() + offset;
  const dataPlane = options.makeDataPlane?.(() => session.simulator.world);
  const make = () => {
    const simulator = new Simulator(options.makeWorld(now()));
    simulator.observe((effect) => {
      options.log({ msg: "effect", ...effect });
      dataPlane?.changed();
    });
    return simulator;
  };
  const session: Session = {
    simulator: make(),
    calls: [],
    holds: new Holds(),
    now,
    advance(milliseconds) {
      offset += milliseconds;
      session.simulator.advance(now());
    },
    reset() {
      session.simulator = make();
      session.calls.length = 0;
      session.holds.letGo();
      session.authorizer?.forget();
      dataPlane?.restart();
    },
    ...(dataPlane === undefined ? {} : { dataPlane }),
    ...(options.iam === undefined ? {} : { authorizer: options.iam.authorizer }),
    ...(options.metadataInstance === undefined ? {} : { metadataInstance: options.metadataInstance }),
  };
  const wire = {
    simulator: () => session.simulator,
    now,
    wallClock: () => Date.now(),
    sleep: (milliseconds: number) => sleep(milliseconds),
    holds: session.holds,
    authorize: (key: string) => {
      const { iam } = options;
      if (iam === undefined || (iam.key !== undefined && iam.key !== key)) return undefined;
      return (...request: Parameters<Authorize>) => iam.authorizer.check(...request);
    },
    onCall: (call: Call) => {
      session.calls.push({ at: Date.now(), call });
      if (session.calls.length > MAX_CALLS) session.calls.splice(0, MAX_CALLS / 2);
      options.log({ msg: "call", ...call });
    },
  };
  const started: Server[] = [];
  const end = async () => {
    await Promise.all(started.map(close));
    await dataPlane?.close();
  };
  const begin = async (address: string, handle: Parameters<typeof listen>[1]) => {
    const { server, url } = await listen(address, handle, tooLargeReply);
    started.push(server);
    return url;
  };
  try {
    const ec2 = await begin(options.listen, (request, body) => {
      const isPage = request.method === "GET" && request.url === "/";
      return isPage ? pageOf(session) : answerEc2(request, body, wire);
    });
    const metadata = await begin(options.metadataListen, (request) => answerMetadata(request, session));
    const control = await begin("127.0.0.1:0", (request, body) => answerControl(request, body, session));
    dataPlane?.changed();
    await dataPlane?.ready();
    const timer = setInterval(() => session.simulator.advance(now()), TICK_MS);
    return {
      ec2,
      metadata,
      control,
      simulator: () => session.simulator,
      ...(dataPlane === undefined ? {} : { dataPlane }),
      now,
      async stop() {
        clearInterval(timer);
        await end();
      },
    };
  } catch (error) {
    await end();
    throw error;
  }
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
