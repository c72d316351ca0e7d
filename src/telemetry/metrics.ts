import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from "prom-client";
import { type HttpServer, servePages } from "./http.ts";

/** Metrics of a part that runs for long, in Prometheus' text format. */

/** A figure, or one for each value of a label. */
type Figures = number | Iterable<readonly [label: string, figure: number]>;

interface Description {
  /** In Prometheus' form, such as branchline_agent_list_repairs_total. */
  readonly name: string;
  readonly help: string;
  /** The label whose values the figures are of. */
  readonly label?: string;
}

export class Metrics {
  private readonly registry = new Registry();

  /** With the process's own figures: CPU, memory, descriptors, event loop. */
  constructor() {
    collectDefaultMetrics({ register: this.registry });
  }

  /** What can go down. `read` is called at each scrape. */
  gauge(description: Description, read: () => Figures): void {
    const gauge = new Gauge({
      ...nameOf(description),
      registers: [this.registry],
      collect() {
        this.reset();
        each(description, read(), (labels, figure) => this.set(labels, figure));
      },
    });
    void gauge;
  }

  /** What only grows, until the process ends. `read` is called at each scrape and gives the sum so far. */
  counter(description: Description, read: () => Figures): void {
    const counter = new Counter({
      ...nameOf(description),
      registers: [this.registry],
      collect() {
        this.reset();
        each(description, read(), (labels, figure) => this.inc(labels, figure));
      },
    });
    void counter;
  }

  /** How long things took: returns what notes one, in seconds. */
  seconds(description: Description, buckets: readonly number[]): (label: string, seconds: number) => void {
    const histogram = new Histogram({
      ...nameOf(description),
      buckets: [...buckets],
      registers: [this.registry],
    });
    const { label = "" } = description;
    return (value, seconds) => histogram.observe(label === "" ? {} : { [label]: value }, seconds);
  }

  text(): Promise<string> {
    return this.registry.metrics();
  }

  /** At `/metrics`. Rejects when the address cannot be had. */
  serve(listen: { readonly host: string; readonly port: number }): Promise<HttpServer> {
    const type = this.registry.contentType;
    return servePages(listen, { "/metrics": async () => ({ type, text: await this.text() }) });
  }
}

function nameOf({ name, help, label }: Description) {
  return { name, help, labelNames: label === undefined ? [] : [label] };
}

function each(
  { label }: Description,
  figures: Figures,
  note: (labels: Record<string, string>, figure: number) => void,
): void {
  if (typeof figures === "number") note({}, figures);
  else for (const [value, figure] of figures) note({ [label ?? "of"]: value }, figure);
}
