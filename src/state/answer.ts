import { type DatapathName, isDatapath, notADatapath } from "../datapath/datapath.ts";
import { quote } from "../text/json.ts";
import { ExchangeError, type Fields, readFields } from "./exchange.ts";

/** The agent's answers. Other keys are ignored: a newer agent may add some. */

export type BranchAnswer =
  | { readonly answer: "none" }
  | { readonly answer: "branch"; readonly annotation: string; readonly datapath: DatapathName }
  | { readonly answer: "wait"; readonly reason: string }
  | { readonly answer: "refused"; readonly reason: string };

export type GoneAnswer =
  { readonly answer: "gone" | "exists" } | { readonly answer: "wait"; readonly reason: string };

/** Throws ExchangeError for anything else. */
export function readBranchAnswer(line: string): BranchAnswer {
  const fields = readAnswer(line);
  const answer = fields["answer"];
  switch (answer) {
    case "none":
      return { answer };
    case "branch": {
      const { annotation, datapath } = fields;
      if (typeof annotation !== "string") return reject(line, "annotation is not a string");
      if (!isDatapath(datapath)) return reject(line, `datapath ${notADatapath()}`);
      return { answer, annotation, datapath };
    }
    case "wait":
    case "refused":
      return { answer, reason: readReason(line, fields) };
    default:
      return reject(line, 'answer is none of "none", "branch", "wait", "refused"');
  }
}

export function readGoneAnswer(line: string): GoneAnswer {
  const fields = readAnswer(line);
  const answer = fields["answer"];
  if (answer === "gone" || answer === "exists") return { answer };
  // The agent is busy.
  if (answer === "wait") return { answer, reason: readReason(line, fields) };
  return reject(line, "answer is neither gone nor exists");
}

function readAnswer(line: string): Fields {
  const fields = readFields(line, (defect, cause) => reject(line, defect, cause));
  const { version } = fields;
  return version === undefined || version === 1 ? fields : reject(line, "version is not 1");
}

function readReason(line: string, { reason }: Fields): string {
  if (typeof reason !== "string") return reject(line, "reason is not a string");
  const text = reason.trim();
  if (text === "") return "the agent gave no reason";
  return text.length > MAX_REASON ? `${text.slice(0, MAX_REASON)}…` : text;
}

/** Characters. An error message may have a thousand, and our own words need some of them. */
const MAX_REASON = 600;

function reject(line: string, defect: string, cause?: unknown): never {
  throw new ExchangeError(`the agent's answer ${quote(line)} is invalid: ${defect}`, {
    cause,
    isThere: true,
  });
}
