// Pure: what reaches the objects of the session map, computed from the router's own constants.

/** Traffic of a pool that has settled: as many sessions begin as end. */
export interface Scenario {
  readonly name: string;
  /** Sessions that begin each second. */
  readonly newPerSecond: number;
  /** How long a client stays, and how often it asks. */
  readonly activeSeconds: number;
  readonly secondsPerRequest: number;
  readonly isolates: number;
  readonly shards: number;
  readonly leaseSeconds: number;
  readonly idleSeconds: number;
}

/** src/affinity/desk.ts, renew-soon.ts and src/pools/view.ts and src/metrics/meter.ts. */
export const recordWindow = 0.5;
export const renewWindowMost = 20;
export const viewSeconds = 5;

export interface Flow {
  readonly sessions: number;
  readonly requestsPerSecond: number;
  readonly renewalsPerSession: number;
  readonly callsPerSecond: number;
  readonly callsPerShard: number;
  readonly callsPerThousand: number;
  /** Views read and counts reported, once every 5 s each. */
  readonly controlPerSecond: number;
}

/** Calls of one isolate to one shard: a window opens with the first arrival and closes after `window`. */
export function batchedCalls(arrivalsPerSecond: number, window: number): number {
  return arrivalsPerSecond === 0 ? 0 : 1 / (window + 1 / arrivalsPerSecond);
}

export function flowOf(scenario: Scenario): Flow {
  const { newPerSecond, activeSeconds, secondsPerRequest, isolates, shards } = scenario;
  const { leaseSeconds, idleSeconds } = scenario;
  // A session is renewed with the first request from half of its lease on.
  const interval = leaseSeconds / 2 + secondsPerRequest / 2;
  const renewalsPerSession = Math.floor(activeSeconds / interval);
  const perPair = newPerSecond / isolates / shards;
  const window = Math.min(leaseSeconds / 3, renewWindowMost);
  const pairCalls =
    batchedCalls(perPair, recordWindow) + batchedCalls(perPair * renewalsPerSession, window);
  const requestsPerSecond = (newPerSecond * activeSeconds) / secondsPerRequest;
  const callsPerSecond = pairCalls * isolates * shards;
  return {
    sessions: newPerSecond * (activeSeconds + idleSeconds),
    requestsPerSecond,
    renewalsPerSession,
    callsPerSecond,
    callsPerShard: pairCalls * isolates,
    callsPerThousand: (callsPerSecond / requestsPerSecond) * 1_000,
    controlPerSecond: Math.min((2 * isolates) / viewSeconds, 2 * requestsPerSecond),
  };
}

/** US dollars, beyond what a plan includes. */
export const prices = {
  workerRequests: 0.3 / 1e6,
  workerCpuMs: 0.02 / 1e6,
  objectRequests: 0.15 / 1e6,
  objectGbSeconds: 12.5 / 1e6,
  rowsRead: 0.001 / 1e6,
  rowsWritten: 1 / 1e6,
  kvReads: 0.5 / 1e6,
  kvWrites: 5 / 1e6,
} as const;

/** Rows that the platform counts, as its `rowsWritten` says: an index entry is a row. */
export const rows = { insert: 5, renewal: 2, deletion: 1 } as const;
const objectGb = 0.128;
/** Assumed: the processor time of a request, ours and the naive design's alike. */
export const cpuMsPerRequest = 0.3;

export interface Cost {
  readonly worker: number;
  readonly objects: number;
  readonly rows: number;
  readonly duration: number;
  readonly total: number;
}

const million = 1e6;

function costOf(objects: number, written: number, read: number, gbSeconds: number): Cost {
  const parts = {
    worker: million * (prices.workerRequests + cpuMsPerRequest * prices.workerCpuMs),
    objects: objects * prices.objectRequests,
    rows: written * prices.rowsWritten + read * prices.rowsRead,
    duration: gbSeconds * prices.objectGbSeconds,
  };
  const total = Object.values(parts).reduce((sum, part) => sum + part, 0);
  return { ...parts, total };
}

/** What a million requests cost with Limpet; every object is taken to be awake all the time. */
export function limpetCost(scenario: Scenario): Cost {
  const flow = flowOf(scenario);
  const seconds = million / flow.requestsPerSecond;
  const sessions = scenario.newPerSecond * seconds;
  const calls = (flow.callsPerSecond + flow.controlPerSecond) * seconds;
  const written = sessions * (rows.insert + rows.deletion + rows.renewal * flow.renewalsPerSession);
  const read = sessions * (1 + flow.renewalsPerSession);
  return costOf(calls, written, read, (scenario.shards + 1) * objectGb * seconds);
}

/** The same with one object call per request; `touches`: the idle time slides with each. */
export function perRequestCost(scenario: Scenario, touches: boolean): Cost {
  const { requestsPerSecond } = flowOf(scenario);
  const seconds = million / requestsPerSecond;
  const sessions = scenario.newPerSecond * seconds;
  const objects = Math.max(scenario.shards, Math.ceil(requestsPerSecond / 1_000));
  const written = sessions * 2 + (touches ? million * rows.renewal : 0);
  return costOf(million, written, million, objects * objectGb * seconds);
}

/** `store = "kv"`, pins written once and read once a lease. */
export function kvCost(scenario: Scenario): Cost {
  const flow = flowOf(scenario);
  const sessions = (million / flow.requestsPerSecond) * scenario.newPerSecond;
  const cost = costOf(0, 0, 0, 0);
  const kv = sessions * (prices.kvWrites + flow.renewalsPerSession * prices.kvReads);
  return { ...cost, rows: kv, total: cost.total + kv };
}
