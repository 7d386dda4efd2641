import { limpet } from "./app.ts";

export { PoolState, SessionMap } from "./assembly/objects.ts";

export default { fetch: limpet().fetch } satisfies ExportedHandler<Cloudflare.Env>;
