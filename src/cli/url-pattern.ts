/** Looks only whether no two groups have one name. */
class Loose {
  constructor({ pathname }: { readonly pathname: string }) {
    const names = [...pathname.matchAll(/:([A-Za-z_$][\w$]*)/g)].map(([, name]) => name);
    if (new Set(names).size < names.length) throw new TypeError("a group's name is there twice");
  }

  test(): boolean {
    return false;
  }
}

/**
 * Node has URLPattern from 24 on. Below it `limpet check` looks at a path pattern less closely; the
 * Worker itself checks it in full.
 */
export function provideUrlPattern(): void {
  if (typeof URLPattern === "undefined") Object.assign(globalThis, { URLPattern: Loose });
}
