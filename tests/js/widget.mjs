// The script of a widget as the page gets it: draw.js, then its own (see widget.py).
import { readFileSync } from "node:fs";

const read = (part) => readFileSync(new URL(`../../gaea_mini/show/${part}.js`, import.meta.url), "utf8");
const load = (source) => import(`data:text/javascript;base64,${Buffer.from(source).toString("base64")}`);

export const widget = (name) => load(read("draw") + read(name));
// What draw.js keeps to itself and the widgets.
export const inner = (name) => load(`${read("draw")}export { ${name} };`);
