import { expect, test } from "vitest";
import { ByteBudget } from "./byte-budget.ts";

test("ByteBudget lets in what fits, and what is larger than itself alone", async () => {
  const budget = new ByteBudget(100);
  const order: string[] = [];
  await budget.take(60);
  const large = budget.take(500).then(() => order.push("large"));
  await budget.take(40);
  order.push("small");
  budget.give(60);
  await Promise.resolve();
  order.push("still full");
  budget.give(40);
  await large;
  const last = budget.take(1).then(() => order.push("last"));
  await Promise.resolve();
  order.push("large is in");
  budget.give(500);
  await last;

  expect(order).toEqual(["small", "still full", "large", "large is in", "last"]);
});
