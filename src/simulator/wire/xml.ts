import type { Ec2Error } from "../model/error.ts";
import type { Answer, AnswerValue } from "../model/types.ts";

const NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/";
const HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n';

/** The document of an answer: `<ActionResponse>` with the request's id first; lists become `<item>`s. */
export function answerDocument(action: string, requestId: string, answer: Answer): string {
  const root = `${action}Response`;
  return `${HEAD}<${root} xmlns="${NAMESPACE}"><requestId>${requestId}</requestId>${members(answer)}</${root}>`;
}

export function errorDocument(error: Ec2Error, requestId: string): string {
  const { code, message } = error;
  return (
    `${HEAD}<Response><Errors><Error><Code>${escape(code)}</Code><Message>${escape(message)}</Message></Error></Errors>` +
    `<RequestID>${requestId}</RequestID></Response>`
  );
}

function members(answer: Answer): string {
  let text = "";
  for (const [name, value] of Object.entries(answer)) {
    if (value !== undefined) text += `<${name}>${content(value)}</${name}>`;
  }
  return text;
}

function content(value: Exclude<AnswerValue, undefined>): string {
  if (typeof value === "string") return escape(value);
  if (typeof value !== "object") return String(value);
  if (!isList(value)) return members(value);
  let text = "";
  for (const item of value) if (item !== undefined) text += `<item>${content(item)}</item>`;
  return text;
}

function isList(value: readonly AnswerValue[] | Answer): value is readonly AnswerValue[] {
  return Array.isArray(value);
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
  "\r": "&#13;",
};

/** Also replaces what XML 1.0 cannot hold at all: control characters, halves of surrogate pairs. */
export function escape(text: string): string {
  if (!/[^\x20-\x25\x28-\x3b\x3d\x3f-\x7e]/.test(text)) return text;
  return Array.from(text.toWellFormed(), (char) => ENTITIES[char] ?? (isXml(char) ? char : "\ufffd")).join(
    "",
  );
}

function isXml(char: string): boolean {
  const code = char.codePointAt(0) ?? 0;
  return code === 0x9 || code === 0xa || (code >= 0x20 && code !== 0xfffe && code !== 0xffff);
}
