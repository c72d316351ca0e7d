import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from "prom-client";
import { messageOf } from "../text/error-words.ts";
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

/** The text is made once for all who ask within this time. */
const FRESH_MS = 1_000;

export class Metrics {
  private readonly registry = new Registry();
  private readonly warn: (message: string) => void;
  private last: { readonly at: number; readonly text: Promise<string> } | undefined;

  /**
   * With the process's own figures: CPU, memory, descriptors, event loop. `warn` hears of a figure that cannot be read,
   * which is then left out.
   */
  constructor(warn: (message: string) => void) {
    this.warn = warn;
    // By default it wakes the process every 10 ms, which takes half a percent of a core.
    collectDefaultMetrics({ register: this.registry, eventLoopMonitoringPrecision: 1_000 });
  }

  /** What can go down. `read` is called at each scrape. */
  gauge(description: Description, read: () => Figures): void {
    const note = this.noting(description, read);
    const collect = function (this: Gauge) {
      this.reset();
      note((labels, figure) => this.set(labels, figure));
    };
    this.registry.registerMetric(new Gauge({ ...nameOf(description), registers: [], collect }));
  }

  /** What only grows, until the process ends. `read` is called at each scrape and gives the sum so far. */
  counter(description: Description, read: () => Figures): void {
    const note = this.noting(description, read);
    const collect = function (this: Counter) {
      this.reset();
      note((labels, figure) => this.inc(labels, figure));
    };
    this.registry.registerMetric(new Counter({ ...nameOf(description), registers: [], collect }));
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

  private noting(description: Description, read: () => Figures) {
    return (note: (labels: Record<string, string>, figure: number) => void) => {
      try {
        each(description, read(), note);
      } catch (error) {
        this.warn(`the metric ${description.name} cannot be read: ${messageOf(error)}`);
      }
    };
  }

  /** As it was at most a second ago. */
  private recent(): Promise<string> {
    const now = Date.now();
    if (this.last === undefined || now - this.last.at >= FRESH_MS || now < this.last.at) {
      this.last = { at: now, text: this.text() };
    }
    return this.last.text;
  }

  /** At `/metrics`. Rejects when the address cannot be had. */
  serve(listen: { readonly host: string; readonly port: number }): Promise<HttpServer> {
    const type = this.registry.contentType;
    return servePages(listen, { "/metrics": async () => ({ type, text: await this.recent() }) });
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
