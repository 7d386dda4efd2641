import type { Compatibility } from "./bundle.ts";

/** A Durable Object class and the binding that reaches it. */
export interface ObjectBinding {
  readonly binding: string;
  readonly className: string;
}

/** What a workerd configuration file says about one Worker. */
export interface WorkerConfig {
  /** Relative to the configuration file; workerd takes no absolute path here. */
  readonly modulePath: string;
  readonly compatibility: Compatibility;
  readonly vars: Readonly<Record<string, unknown>>;
  readonly secrets: Readonly<Record<string, string>>;
  readonly objects: readonly ObjectBinding[];
  readonly storage: string;
  /** Fetcher bindings: name to http URL. */
  readonly services: Readonly<Record<string, string>>;
  /** KV bindings: name to the http URL of a KV service. */
  readonly kv: Readonly<Record<string, string>>;
  /** A request header whose value (`https`) becomes the scheme of the request's URL. */
  readonly protoHeader: string | undefined;
}

/** The text of a workerd configuration: one socket, straight into one Worker. */
export function renderConfig(config: WorkerConfig): string {
  const { modulePath, compatibility, objects, storage, protoHeader } = config;
  const bindings = [
    ...Object.entries(config.vars).map(([name, value]) => renderVar(name, value)),
    ...Object.entries(config.secrets).map(
      ([name, value]) => `(name = ${quote(name)}, text = ${quote(value)})`,
    ),
    ...objects.map(
      ({ binding, className }) =>
        `(name = ${quote(binding)}, durableObjectNamespace = ${quote(className)})`,
    ),
    ...Object.keys(config.services).map(
      (name) => `(name = ${quote(name)}, service = ${quote(`service-${name}`)})`,
    ),
    ...Object.keys(config.kv).map(
      (name) => `(name = ${quote(name)}, kvNamespace = ${quote(`kv-${name}`)})`,
    ),
  ];
  const namespaces = objects.map(
    ({ className }) =>
      `(className = ${quote(className)}, uniqueKey = ${quote(className)}, enableSql = true)`,
  );
  const socket = protoHeader
    ? `http = (forwardedProtoHeader = ${quote(protoHeader)})`
    : "http = ()";
  return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "router", worker = (
      modules = [(name = "worker.js", esModule = embed ${quote(modulePath)})],
      compatibilityDate = ${quote(compatibility.date)},
      compatibilityFlags = [${compatibility.flags.map(quote).join(", ")}],
      globalOutbound = "internet",
      bindings = [
        ${bindings.join(",\n        ")}
      ],
      durableObjectNamespaces = [${namespaces.join(", ")}],
      durableObjectStorage = (localDisk = "storage"),
    )),
    (name = "internet", network = (allow = ["public", "private"])),
    (name = "storage", disk = (path = ${quote(storage)}, writable = true)),
${renderExternals("service", config.services)}${renderExternals("kv", config.kv)}  ],
  sockets = [(name = "http", ${socket}, service = "router")],
);
`;
}

function renderVar(name: string, value: unknown): string {
  // Wrangler gives strings as text and everything else as parsed JSON.
  return typeof value === "string"
    ? `(name = ${quote(name)}, text = ${quote(value)})`
    : `(name = ${quote(name)}, json = ${quote(JSON.stringify(value))})`;
}

function renderExternals(prefix: string, urls: Readonly<Record<string, string>>): string {
  return Object.entries(urls)
    .map(
      ([name, url]) =>
        `    (name = ${quote(`${prefix}-${name}`)}, external = ` +
        `(address = ${quote(new URL(url).host)}, http = ())),\n`,
    )
    .join("");
}

/** A Cap'n Proto string literal; its escapes are C's, not JSON's. */
function quote(text: string): string {
  const escaped = text
    .replaceAll(/["\\]/g, "\\$&")
    .replaceAll(/\p{Cc}/gu, (char) =>
      char < "\x80" ? `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}` : char,
    );
  return `"${escaped}"`;
}
