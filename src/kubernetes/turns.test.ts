import { setImmediate as settled } from "node:timers/promises";
import { expect, it } from "vitest";
import { Turns } from "./turns.ts";

const signal = new AbortController().signal;

it("lets so many go at once, and the others in the order in which they came", async () => {
  const turns = new Turns(2);
  const went: number[] = [];
  const held = [0, 1, 2, 3].map(async (i) => {
    const turn = await turns.take(signal);
    went.push(i);
    return turn;
  });
  await settled();
  expect(went).toEqual([0, 1]);
  expect(turns.waiting).toBe(2);
  (await held[1])?.[Symbol.dispose]();
  await settled();
  expect(went).toEqual([0, 1, 2]);
  (await held[0])?.[Symbol.dispose]();
  await settled();
  expect(went).toEqual([0, 1, 2, 3]);
});

it("lets nobody go for a turn that is ended twice", async () => {
  const turns = new Turns(1);
  const turn = await turns.take(signal);
  const second = turns.take(signal);
  let third = false;
  void turns.take(signal).then(() => (third = true));
  turn[Symbol.dispose]();
  turn[Symbol.dispose]();
  await second;
  await settled();
  expect(third).toBe(false);
});

it("forgets whoever stops waiting, and passes the turn to the next", async () => {
  const turns = new Turns(1);
  const turn = await turns.take(signal);
  const stop = new AbortController();
  const stopped = turns.take(stop.signal);
  const next = turns.take(signal);
  stop.abort(new Error("it is over"));
  await expect(stopped).rejects.toThrow("it is over");
  expect(turns.waiting).toBe(1);
  turn[Symbol.dispose]();
  await next;
});

it("loses no turn when the signal is aborted at the moment of the call", async () => {
  const turns = new Turns(1);
  const turn = await turns.take(signal);
  const stop = new AbortController();
  const called = turns.take(stop.signal);
  turn[Symbol.dispose]();
  stop.abort(new Error("it is over"));
  (await called)[Symbol.dispose]();
  await turns.take(signal);
  expect(turns.waiting).toBe(0);
});

it("takes nothing for a signal that is aborted already", async () => {
  const turns = new Turns(1);
  await expect(turns.take(AbortSignal.abort(new Error("it is over")))).rejects.toThrow("it is over");
  await turns.take(signal);
});
