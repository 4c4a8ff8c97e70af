// Runs Python away from the page, so that a long cell does not freeze it.
//
// The page sends {files, lock, packages, sources, wheel, interrupt} once, then one
// {run, code, name} for each cell. All files come from the page, which has checked
// them: nothing is fetched here.
"use strict";
let python, cells;
const tell = (kind, text, run) => self.postMessage({ kind, text, run });

async function start({ files, lock, packages, sources, wheel, interrupt }) {
  self.fetch = async (address) => {
    const name = decodeURIComponent(String(address.url ?? address).split("/").pop());
    if (name === "pyodide-lock.json") return new Response(JSON.stringify(lock));
    if (!files[name]) throw new Error(`${name} is not among the files of this page`);
    return new Response(files[name]);
  };
  for (const name of ["pyodide.asm.js", "pyodide.js"]) {
    const address = URL.createObjectURL(files[name]);
    self.importScripts(address);
    URL.revokeObjectURL(address);
  }
  python = await self.loadPyodide({
    indexURL: "https://files.invalid/",
    env: { MPLBACKEND: "agg", HOME: "/home/pyodide" },
  });
  tell("status", "Loading NumPy and Matplotlib");
  const quiet = { messageCallback() {}, errorCallback(text) { throw new Error(text); } };
  await python.loadPackage(packages, quiet);
  python.unpackArchive(await wheel.arrayBuffer(), "wheel");
  for (const [name, text] of Object.entries(sources)) {
    python.FS.writeFile(`/home/pyodide/${name}`, text);
  }
  if (interrupt) python.setInterruptBuffer(interrupt);
  cells = python.pyimport("cells").Cells();
}

self.onmessage = async ({ data }) => {
  try {
    if (data.files) {
      await start(data);
      tell("ready", "");
    } else {
      const done = cells.run(data.code, data.name, (kind, text) => tell(kind, text, data.run));
      tell("done", done, data.run);
    }
  } catch (error) {
    tell("broken", String(error.message || error), data.run);
  }
};
