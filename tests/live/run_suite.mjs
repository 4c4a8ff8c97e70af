// Runs the tests of gaea_mini.simplex under Pyodide in node, on the wheel of the pages.
//
//   node run_suite.mjs JOB.json
//
// JOB.json: {pyodide, lock, packages, wheels, site, repository, arguments}.
// Exits as pytest does.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const job = JSON.parse(readFileSync(process.argv[2], "utf8"));
const { loadPyodide } = await import(pathToFileURL(`${job.pyodide}/pyodide.mjs`));
async function main() {
  const python = await loadPyodide({
    indexURL: job.pyodide,
    lockFileURL: job.lock,
    env: { PYTEST_DISABLE_PLUGIN_AUTOLOAD: "1", HOME: "/home/pyodide" },
  });
  await python.loadPackage(job.packages, { messageCallback() {} });
  for (const wheel of job.wheels) {
    python.unpackArchive(new Uint8Array(readFileSync(wheel)), "wheel");
  }
  // pytest and its helpers are Python alone: they come from the machine, last in the path.
  python.mountNodeFS("/host", job.site);
  python.mountNodeFS("/repo", job.repository);
  const code = python.runPython(`
import os, sys
sys.path.insert(0, "/home/pyodide")  # the wheels
sys.path.append("/host")
import gaea_mini, numpy, pytest
assert gaea_mini.__file__.startswith("/home/pyodide"), gaea_mini.__file__
os.chdir("/repo")
print("numpy", numpy.__version__, "on", sys.platform)
code = int(pytest.main(${JSON.stringify(job.arguments)}))
assert "torch" not in sys.modules
code
`);
  return code;
}

// An error's own print would show a line of Pyodide, which is a megabyte.
main().then(process.exit, (error) => {
  console.error(String(error.stack || error).slice(-4000));
  process.exit(70);
});
