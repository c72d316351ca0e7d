// A process that starts an API server, says so, and waits to be killed.
import { startApiServer } from "../../ground/api-server.ts";

const { directory, pids } = await startApiServer({ controllerManager: true });
console.log(JSON.stringify({ directory, pids }));
// As long as the test that kills it may take.
setTimeout(() => process.exit(1), 60_000);
