import { startInstances, type AppName, type Instance } from "../../kit/apps/instance.ts";
import { startRouter, type Router } from "../../kit/workerd.ts";
import { adminToken, poolOf, secret, type PoolVars } from "../scene.ts";

/** Three instances of an application and a router in front of them. */
export interface Stage {
  readonly instances: readonly Instance[];
  readonly router: Router;
  instance(name: string): Instance;
  stop(): Promise<void>;
}

export async function startStage(app: AppName, pool: PoolVars): Promise<Stage> {
  const instances = await startInstances(app);
  const router = await startRouter({
    secrets: { AFFINITY_SECRET: secret, ADMIN_TOKEN: adminToken },
    vars: { EXPOSE: "status", POOLS: [poolOf(instances, pool)] },
  });
  return {
    instances,
    router,
    instance(name) {
      const found = instances.find((instance) => instance.name === name);
      if (!found) throw new Error(`no instance ${name}`);
      return found;
    },
    async stop() {
      await router.stop();
      await Promise.all(instances.map((instance) => instance.kill()));
    },
  };
}
