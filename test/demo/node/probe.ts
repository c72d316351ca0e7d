// Probes as kubelet makes them: from the node's own namespace, in process, one connection each.
import { get } from "node:http";
import { connect } from "node:net";

/** A TCP probe: it succeeds when the connection is made. */
export function tcpProbe(host: string, port: number, timeout = 3_000): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (outcome: string) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(outcome);
    };
    const timer = setTimeout(() => end("times out"), timeout);
    socket.once("connect", () => end("ok"));
    socket.once("error", (error) => end(error.message));
  });
}

/** An HTTP probe: it succeeds with a status from 200 to 399. Answers with the first line of the body. */
export function httpProbe(url: string, timeout = 3_000): Promise<{ outcome: string; body: string }> {
  return new Promise((resolve) => {
    let body = "";
    const end = (outcome: string) => {
      clearTimeout(timer);
      request.destroy();
      resolve({ outcome, body: body.trim().split("\n")[0] ?? "" });
    };
    const request = get(url, { agent: false }, (response) => {
      const { statusCode = 0 } = response;
      response.setEncoding("utf8").on("data", (chunk: string) => (body += chunk));
      response.once("end", () => end(statusCode >= 200 && statusCode < 400 ? "ok" : `status ${statusCode}`));
      response.once("error", (error) => end(error.message));
    });
    request.once("error", (error) => end(error.message));
    const timer = setTimeout(() => end("times out"), timeout);
  });
}
