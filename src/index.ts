import { handle } from "./app.ts";

export { PoolState, SessionMap } from "./objects.ts";

export default { fetch: handle } satisfies ExportedHandler<Cloudflare.Env>;
