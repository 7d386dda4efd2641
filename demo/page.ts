import { type Cart, cartLines, CATALOGUE, type Item } from "./cart.ts";
import { style } from "./style.ts";

export type Page = {
  readonly name: string;
  readonly address: string;
  readonly cart: Cart;
};

const PICTURES: Record<Item, string> = {
  lantern: `
    <path d="M18 14a6 6 0 0 1 12 0M15 14h18l3 5H12zM15 19h18v18H15zM12 37h24v4H12zM24 23v9"/>`,
  rope: `
    <circle cx="24" cy="24" r="17"/><circle cx="24" cy="24" r="11"/><circle cx="24" cy="24" r="5"/>
    <path d="M41 24v18"/>`,
  compass: `
    <circle cx="24" cy="24" r="18"/><path d="m31 17-4 10-10 4 4-10z"/>
    <path d="M24 6v3M24 39v3M6 24h3M39 24h3"/>`,
  shell: `
    <path d="M6 37 24 10l18 27c-8 4-28 4-36 0zM24 10 16 38M24 10v29M24 10l8 28"/>`,
};

/** The whole shop, in the colour of the origin that serves it. */
export function page({ name, address, cart }: Page): string {
  const origin = `<b>${escape(name)}</b>`;
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tidepool Supply · ${escape(name)}</title>
<link rel="icon" href="data:,">
<style>${style(hue(name))}</style>
<header>
  <h1>Tidepool Supply</h1>
  <p class="origin"><i></i>Served by ${origin} <small>${escape(address)}</small></p>
</header>
<main>
  ${cart.lost === undefined ? "" : lostNotice(cart.lost)}
  <section class="items" aria-label="Items">
    ${Object.keys(CATALOGUE).map(itemCard).join("")}
  </section>
  <section class="cart" aria-labelledby="cart">
    <h2 id="cart">Your cart</h2>
    ${cartTable(cart)}
    <p class="hint">It lives in the memory of ${origin}, and nowhere else.</p>
  </section>
</main>
</html>
`;
}

function lostNotice(event: string): string {
  const why = event && ` <span>The router says: <code>${escape(event)}</code></span>`;
  return `<p class="lost" role="alert"><b>This server does not know your cart.</b>
    Another one has it, or had it: here you start with an empty one.${why}</p>`;
}

function itemCard(item: string): string {
  const { title, price } = CATALOGUE[item as Item];
  return `
    <form method="post" action="/cart">
      <svg viewBox="0 0 48 48" aria-hidden="true">${PICTURES[item as Item]}</svg>
      <h3>${title}</h3>
      <p>€ ${price}</p>
      <button name="item" value="${item}" aria-label="Add to cart: ${title}">Add to cart</button>
    </form>`;
}

function cartTable(cart: Cart): string {
  const lines = cartLines(cart);
  if (lines.length === 0) return `<p class="empty">Nothing in it yet.</p>`;
  const rows = lines.map(
    ({ title, count, total }) => `<tr><td>${count} ×<td>${title}<td>€ ${total}</tr>`,
  );
  const sum = lines.reduce((all, line) => all + line.total, 0);
  return `<table><tbody>${rows.join("")}<tfoot><tr><td><td>Total<td>€ ${sum}</table>`;
}

/** app-1, app-2, … lie far apart on the colour wheel, and so does any other number. */
function hue(name: string): number {
  const number = Number(/\d+$/.exec(name)?.[0] ?? 0);
  return Math.round(200 + (number - 1) * 137.5) % 360;
}

function escape(text: string): string {
  return text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
}
