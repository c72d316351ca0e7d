// deploy/monitoring: alerts and dashboard, as they are in its files.
import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";

export const MONITORING = path.resolve(import.meta.dirname, "../../deploy/monitoring");

export interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

interface RuleFile {
  readonly groups: readonly { readonly name: string; readonly rules: readonly Alert[] }[];
}

export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat?: string }[];
}

export interface Dashboard {
  readonly uid: string;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly query: unknown }[] };
}

export const ALERT_FILES = globSync("alerts/*.yaml", { cwd: MONITORING }).toSorted();

export const alertsOf = (file: string): readonly Alert[] =>
  (parse(readFileSync(path.join(MONITORING, file), "utf8")) as RuleFile).groups.flatMap(({ rules }) => rules);

export const ALERTS = ALERT_FILES.flatMap(alertsOf);

export const DASHBOARD = JSON.parse(
  readFileSync(path.join(MONITORING, "dashboard.json"), "utf8"),
) as Dashboard;
