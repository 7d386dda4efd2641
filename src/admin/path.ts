/** Which requests are for the admin. Pure. */

/**
 * `"admin"`: exactly the path, before any decoding. `"look-alike"`: only somebody's decoding, folding or
 * resolving would make it that path; such a request is for nobody, for it may carry the admin's token.
 */
export type AdminPath = (url: string) => "admin" | "look-alike" | null;

/** Layers of percent-encoding that are looked through. */
const LAYERS_MOST = 5;

export function adminPath(path: string): AdminPath {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const wanted = path.toLowerCase();
  const plainly = new RegExp(RegExp.escape(name), "i");
  const spelling = new RegExp([...name].map(anyForm).join(""), "i");
  return (url) => {
    // Nearly every request ends here: its URL does not have the name in it, in any spelling.
    if (!(url.includes("%") ? spelling : plainly).test(url)) return null;
    const at = url.indexOf("/", url.indexOf("//") + 2);
    if (at === -1) return null;
    if (url.startsWith(path, at) && isEnd(url[at + path.length])) return "admin";
    const plain = resolved(url.slice(at).split(/[?#]/, 1)[0] ?? "");
    return plain.startsWith(wanted) && isEnd(plain[wanted.length]) ? "look-alike" : null;
  };
}

function isEnd(next: string | undefined): boolean {
  return next === undefined || next === "/" || next === "?" || next === "#";
}

/** A character as it is, or percent-encoded any number of times. */
function anyForm(char: string): string {
  const hex = char.charCodeAt(0).toString(16).padStart(2, "0");
  const other = char.toUpperCase() === char ? char.toLowerCase() : char.toUpperCase();
  const otherHex = other.charCodeAt(0).toString(16).padStart(2, "0");
  return `(?:${RegExp.escape(char)}|%(?:25)*(?:${hex}|${otherHex}))`;
}

/** What the most lenient reader would make of a path. */
function resolved(given: string): string {
  let path = given;
  for (let layer = 0; layer < LAYERS_MOST && path.includes("%"); layer += 1) {
    path = path.replace(/%([0-9a-f]{2})/gi, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
  }
  const segments: string[] = [];
  for (const part of path.replaceAll("\\", "/").split("/")) {
    const segment = part.split(";", 1)[0] ?? "";
    if (segment === "..") segments.pop();
    else if (segment !== "" && segment !== ".") segments.push(segment);
  }
  return `/${segments.join("/")}`.toLowerCase();
}
