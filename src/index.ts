import { handle } from "./app.ts";

export { PoolState } from "./pools/pool-state.ts";
export { SessionMap } from "./sessions/session-map.ts";

export default { fetch: handle } satisfies ExportedHandler<Cloudflare.Env>;
