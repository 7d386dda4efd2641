export const CATALOGUE = {
  lantern: { title: "Storm lantern", price: 38 },
  rope: { title: "Mooring rope", price: 24 },
  compass: { title: "Brass compass", price: 52 },
  shell: { title: "Limpet shell", price: 3 },
} as const;

export type Item = keyof typeof CATALOGUE;

export type Cart = {
  readonly counts: Map<Item, number>;
  /** What the router says of a cart that was lost, until its owner has been told. */
  lost: string | undefined;
};

export function emptyCart(lost: string | undefined): Cart {
  return { counts: new Map(), lost };
}

export function isItem(value: unknown): value is Item {
  return typeof value === "string" && Object.hasOwn(CATALOGUE, value);
}

export function cartLines(cart: Cart) {
  return [...cart.counts].map(([item, count]) => {
    const { title, price } = CATALOGUE[item];
    return { item, title, count, total: count * price };
  });
}
