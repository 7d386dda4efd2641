import type { Orders } from "../workers/orders.ts";

/** Orders the faulty router to fail; how many faults it has injected so far. */
export async function order(url: string, orders: Orders): Promise<number> {
  const answer = await fetch(`${url}/__fault`, { method: "PUT", body: JSON.stringify(orders) });
  if (!answer.ok) throw new Error(`the router does not obey: ${answer.status}`);
  return Number(await answer.text());
}
