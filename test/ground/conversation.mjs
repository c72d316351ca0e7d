// Both ends of what is tracked: `conversation.mjs serve PORT` echoes lines of TCP and datagrams of UDP;
// `conversation.mjs tcp ADDRESS PORT` and `conversation.mjs udp ADDRESS PORT OWN-PORT` send what comes on stdin, line by
// line, and write what comes back.
import { createSocket } from "node:dgram";
import { connect, createServer } from "node:net";
import { createInterface } from "node:readline";

const [what, ...rest] = process.argv.slice(2);
const lines = (handle) => createInterface({ input: process.stdin }).on("line", handle);
if (what === "serve") {
  const [port] = rest.map(Number);
  createServer((socket) => socket.on("error", () => undefined).pipe(socket)).listen(port);
  const udp = createSocket("udp6");
  udp.on("message", (message, peer) => udp.send(message, peer.port, peer.address));
  udp.bind(port, () => console.log("ready"));
} else if (what === "tcp") {
  const [address, port] = rest;
  const socket = connect(Number(port), address, () => console.log("ready"));
  socket.on("data", (data) => process.stdout.write(data));
  lines((line) => socket.write(`${line}\n`));
} else {
  const [address, port, own] = rest;
  const udp = createSocket(address.includes(":") ? "udp6" : "udp4");
  udp.on("message", (message) => process.stdout.write(message));
  udp.bind(Number(own), () => console.log("ready"));
  lines((line) => udp.send(`${line}\n`, Number(port), address));
}
