// An agent that says what a test tells it to: `node scripted-agent.mjs SOCKET STEPS [UID]`, STEPS a JSON array (or the name of a
// file that holds it) with an element for each connection, the last of them for all that follow:
//
//     say     text to write, a newline behind it unless raw is true
//     after   milliseconds to wait before
//     hold    leave the connection open; otherwise it is closed
//     unread  do not read the question
//     exit    end the process at once when the question is there
//
// Each question is appended to SOCKET.asked with the milliseconds since the start; what is not read is not seen.
import { appendFileSync, readFileSync } from "node:fs";
import { createServer } from "node:net";

const [path, text, uid] = process.argv.slice(2);
let steps = JSON.parse(text);
// Longer ones are in a file.
if (typeof steps === "string") steps = JSON.parse(readFileSync(steps, "utf8"));
const started = Date.now();
let connections = 0;

function answer(socket, step) {
  // Not by a timer of 0 ms, which takes one.
  if (step.after > 0) setTimeout(() => speak(socket, step), step.after);
  else speak(socket, step);
}

function speak(socket, { say, hold = false, raw = false }) {
  if (say !== undefined) socket.write(raw ? say : `${say}\n`);
  if (!hold) socket.end();
}

const server = createServer({ pauseOnConnect: true }, (socket) => {
  const step = steps[Math.min(connections++, steps.length - 1)];
  socket.on("error", () => socket.destroy());
  if (step.unread) {
    answer(socket, step);
    return;
  }
  let question = "";
  socket.setEncoding("utf8");
  socket.on("data", (chunk) => {
    question += chunk;
    if (!question.endsWith("\n")) return;
    appendFileSync(
      `${path}.asked`,
      `${JSON.stringify({ at: Date.now() - started, ...JSON.parse(question) })}\n`,
    );
    if (step.exit) process.kill(process.pid, "SIGKILL");
    answer(socket, step);
  });
  socket.resume();
});
if (uid !== undefined) process.setuid(Number(uid));
server.listen({ path, backlog: Number(process.env.BACKLOG ?? 511) });
