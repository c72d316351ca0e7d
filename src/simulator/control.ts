import type { IncomingMessage } from "node:http";
import { readFault } from "./model/faults.ts";
import { changeSettings } from "./model/settings.ts";
import { pageOf } from "./page.ts";
import { snapshotOf } from "./snapshot.ts";
import type { Session } from "./start.ts";
import { readHold } from "./wire/holds.ts";
import type { Reply } from "./wire/http.ts";
import { messageOf } from "../text/error-words.ts";

const MAX_ADVANCE_SECONDS = 10 * 365 * 86_400;

/** A request of the control endpoint: JSON in, JSON out. */
export async function answerControl(
  request: IncomingMessage,
  body: string,
  session: Session,
): Promise<Reply> {
  // A web page in the user's browser can reach a port on loopback: it sends its origin, or a name of its own as host.
  const host = request.headers.host ?? "";
  const isForeign =
    request.headers.origin !== undefined || !/^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/.test(host);
  if (isForeign) return json(403, { error: "only from this machine, and not from a web page" });
  try {
    return await respond(`${request.method} ${request.url}`, body, session);
  } catch (error) {
    return json(400, { error: messageOf(error) });
  }
}

async function respond(what: string, body: string, session: Session): Promise<Reply> {
  const { simulator } = session;
  switch (what) {
    case "GET /":
      return pageOf(session);
    case "GET /dump":
      return reply(200, snapshotOf(simulator.world, session.now()));
    case "GET /settings":
      return json(200, simulator.world.settings);
    case "POST /settings":
      changeSettings(simulator.world.settings, readObject(body));
      return json(200, simulator.world.settings);
    case "POST /reset":
      session.reset();
      return json(200, {});
    case "POST /advance": {
      const { seconds } = readObject(body);
      if (typeof seconds !== "number" || !(seconds >= 0 && seconds <= MAX_ADVANCE_SECONDS)) {
        throw new TypeError(
          `"seconds" is a number from 0 to ${MAX_ADVANCE_SECONDS}, not ${JSON.stringify(seconds)}`,
        );
      }
      session.advance(seconds * 1000);
      return json(200, { now: new Date(session.now()).toISOString() });
    }
    case "GET /data-plane":
      if (session.dataPlane === undefined) return json(404, { error: "it runs without --data-plane" });
      simulator.advance(session.now());
      return json(200, await session.dataPlane.state());
    case "GET /iam":
      if (session.authorizer === undefined) return json(404, { error: "it runs without --iam-policy" });
      return json(200, session.authorizer.use());
    case "GET /faults":
      return json(200, simulator.faults);
    case "POST /faults":
      simulator.faults.push(readFault(readObject(body)));
      return json(200, simulator.faults);
    case "DELETE /faults":
      simulator.faults.length = 0;
      return json(200, simulator.faults);
    case "GET /holds":
      return json(200, session.holds.state());
    case "POST /holds":
      session.holds.add(readHold(readObject(body)));
      return json(200, session.holds.state());
    case "DELETE /holds":
      session.holds.letGo();
      return json(200, session.holds.state());
    default:
      return json(404, {
        error: `there is no "${what.slice(0, 80)}"; there are GET /, /dump, /settings, /faults, /data-plane, /iam, /holds, POST /settings, /reset, /advance, /faults, /holds and DELETE /faults, /holds`,
      });
  }
}

function readObject(body: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    throw new TypeError(`the body is no JSON: ${JSON.stringify(body.slice(0, 80))}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new TypeError(`the body is no JSON object: ${JSON.stringify(body.slice(0, 80))}`);
  }
  return value as Record<string, unknown>;
}

function json(status: number, value: unknown): Reply {
  return reply(status, `${JSON.stringify(value)}\n`);
}

function reply(status: number, body: string): Reply {
  return { status, type: "application/json", body };
}
