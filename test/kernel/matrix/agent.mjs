// One process in a namespace that serves TCP ports and tries others, told how by lines of JSON: starting a process for
// each of a hundred tries would take minutes in the guest.
import { connect, createServer } from "node:net";
import { createInterface } from "node:readline";

const TURN_MS = 100;

const orders = {
  /** Each connection gets one line, the name and the client's address as it is seen here. */
  listen: ({ ports, name }) =>
    Promise.all(
      ports.map(
        (port) =>
          new Promise((resolve, reject) => {
            const server = createServer((socket) => {
              socket.on("error", () => socket.destroy());
              socket.end(`${name} ${(socket.remoteAddress ?? "").replace(/^::ffff:/, "")}\n`);
            });
            server.on("error", reject);
            server.listen({ port, host: "::", backlog: 1024 }, () => resolve(port));
          }),
      ),
    ),
  /** So many connections at once; how many were answered before the time was up, and what the first answer was. */
  try: async ({ count, timeout, ...to }) => {
    const replies = await Promise.all(Array.from({ length: count }, () => attempt(to, timeout)));
    const answered = replies.filter((reply) => reply !== undefined);
    return { answered: answered.length, reply: answered[0] ?? "" };
  },
};

function attempt(to, timeout) {
  return new Promise((resolve) => {
    const socket = connect(to);
    let text = "";
    const end = (reply) => {
      clearInterval(timer);
      socket.destroy();
      resolve(reply);
    };
    // Counted in turns of its own: a process that did not run for a while has answers waiting for it.
    let left = timeout / TURN_MS;
    const timer = setInterval(() => (left -= 1) <= 0 && end(undefined), TURN_MS);
    socket.setEncoding("utf8");
    socket.on("data", (chunk) => (text += chunk));
    socket.on("end", () => end(text.trim()));
    socket.on("error", () => end(undefined));
  });
}

for await (const line of createInterface({ input: process.stdin })) {
  const { id, order, ...rest } = JSON.parse(line);
  orders[order](rest).then(
    (answer) => process.stdout.write(`${JSON.stringify({ id, answer })}\n`),
    (error) => process.stdout.write(`${JSON.stringify({ id, error: String(error) })}\n`),
  );
}
process.exit(0);
