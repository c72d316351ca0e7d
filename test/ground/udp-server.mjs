// Answers every datagram with the server's name and the client's address: `udp-server.mjs PORT NAME`.
import { createSocket } from "node:dgram";

const [port, name] = process.argv.slice(2);
const socket = createSocket("udp6");
socket.on("message", (_, peer) => {
  socket.send(`${name} ${peer.address.replace(/^::ffff:/, "")}\n`, peer.port, peer.address);
});
socket.bind(Number(port));
