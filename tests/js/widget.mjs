// The script of a widget as the page gets it: draw.js, then its own (see widget.py).
import { readFileSync } from "node:fs";

export function widget(name) {
  const read = (part) => readFileSync(new URL(`../../gaea_mini/show/${part}.js`, import.meta.url));
  const source = Buffer.concat([read("draw"), read(name)]);
  return import(`data:text/javascript;base64,${source.toString("base64")}`);
}
