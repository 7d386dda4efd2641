import { writeFileSync } from "node:fs";
import { resolve } from "node:path";

import { openApi } from "../admin/openapi.ts";
import { ROUTES } from "../admin/routes/table.ts";

/** `npm run openapi`: the document that the Worker answers with, made anew from the routes. */
const path = resolve(import.meta.dirname, "../admin/openapi.json");
writeFileSync(path, `${JSON.stringify(openApi(ROUTES), null, 2)}\n`);
