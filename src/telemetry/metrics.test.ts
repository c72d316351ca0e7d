import { expect, it } from "vitest";
import { Metrics } from "./metrics.ts";

const warned: string[] = [];
const linesOf = async (metrics: Metrics, name: string) =>
  (await metrics.text()).split("\n").filter((line) => line.startsWith(name));

it("reads figures at each scrape", async () => {
  const metrics = new Metrics((message) => warned.push(message));
  let repairs = 0;
  let ages: (readonly [string, number])[] = [["pods", 2]];
  metrics.counter({ name: "b_repairs_total", help: "Repairs." }, () => repairs);
  metrics.gauge({ name: "b_age_seconds", help: "Age.", label: "resource" }, () => ages);
  expect(await linesOf(metrics, "b_")).toEqual(["b_repairs_total 0", 'b_age_seconds{resource="pods"} 2']);
  repairs = 3;
  ages = [["nodes", 0.5]];
  expect(await linesOf(metrics, "b_")).toEqual(["b_repairs_total 3", 'b_age_seconds{resource="nodes"} 0.5']);
  // Scraping counts nothing.
  expect(await linesOf(metrics, "b_repairs")).toEqual(["b_repairs_total 3"]);
});

it("puts seconds into their buckets, by label", async () => {
  const metrics = new Metrics((message) => warned.push(message));
  const note = metrics.seconds({ name: "b_seconds", help: "Waited.", label: "answer" }, [0.1, 1]);
  note("none", 0.05);
  note("none", 0.5);
  note("wait", 5);
  expect(await linesOf(metrics, "b_seconds_bucket")).toEqual([
    'b_seconds_bucket{le="0.1",answer="none"} 1',
    'b_seconds_bucket{le="1",answer="none"} 2',
    'b_seconds_bucket{le="+Inf",answer="none"} 2',
    'b_seconds_bucket{le="0.1",answer="wait"} 0',
    'b_seconds_bucket{le="1",answer="wait"} 0',
    'b_seconds_bucket{le="+Inf",answer="wait"} 1',
  ]);
});

it("leaves out a figure that cannot be read, and has the others", async () => {
  const metrics = new Metrics((message) => warned.push(message));
  metrics.gauge({ name: "b_files", help: "Files." }, () => {
    throw new Error("EACCES");
  });
  metrics.gauge({ name: "b_pods", help: "Pods." }, () => 3);
  expect(await linesOf(metrics, "b_pods")).toEqual(["b_pods 3"]);
  expect(warned).toEqual(["the metric b_files cannot be read: EACCES"]);
});

it("has the process's own figures", async () => {
  expect(
    await linesOf(new Metrics((message) => warned.push(message)), "process_resident_memory_bytes "),
  ).toHaveLength(1);
});
