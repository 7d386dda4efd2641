export type Welcome = {
  readonly routerUrl: string;
  readonly adminToken: string;
  readonly tokenFrom: string;
  readonly shops: readonly {
    readonly name: string;
    readonly port: number;
    readonly url: string;
    readonly pid: number | undefined;
  }[];
};

/** What to try, in the order in which it makes sense. */
export function welcome({ routerUrl, adminToken, tokenFrom, shops }: Welcome): string {
  const sessionsUrl = `${routerUrl}/__limpet/api/sessions`;
  const table = shops.map(({ name, url, pid }) => `  ${name}   ${url}   pid ${pid}`).join("\n");
  const last = shops.at(-1);
  return `
Shop          ${routerUrl}/
Dashboard     ${routerUrl}/__limpet/
Admin token   ${adminToken}   (${tokenFrom})

${table}

Who is pinned where:
  curl -s -H 'Authorization: Bearer ${adminToken}' ${sessionsUrl}

With a cookie jar, every request reaches the same origin; without one, any:
  curl -s -b .wrangler/demo/jar -c .wrangler/demo/jar ${routerUrl}/api/cart -d '{"item":"lantern"}'
  curl -s ${routerUrl}/api/cart

Take an origin away, see its carts lost and its sessions moved; then bring it back:
  kill ${last?.pid}
  npx node demo/shop.ts --name ${last?.name} --port ${last?.port}

Ctrl-C stops everything.`;
}
