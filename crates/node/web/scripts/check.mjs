// Checks the page: types, unit tests, and that its script stays small. Ends with `N passed, N failed`.
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const LIMIT_BYTES = 150_000;
const work = ".check";
let passed = 0;
let failed = 0;

function result(name, ok, note = "") {
  if (ok) passed += 1;
  else failed += 1;
  console.log(`${ok ? "ok    " : "FAILED"} ${name}${note && ` (${note})`}`);
}

/** Runs a program of this project; its output is shown only when it fails. */
function run(program, args) {
  const { status, stdout, stderr, error } = spawnSync(`node_modules/.bin/${program}`, args, { encoding: "utf8" });
  if (status !== 0) console.log(stdout ?? "", stderr ?? "", error?.message ?? "");
  return status === 0;
}

rmSync(work, { recursive: true, force: true });
mkdirSync(`${work}/test`, { recursive: true });
result("types of the page and its client", run("tsc", ["--noEmit"]));

// The tests are compiled to plain modules, which Node's own test runner takes.
writeFileSync(`${work}/test/package.json`, '{"type":"module"}');
if (run("tsc", ["-p", "tsconfig.test.json"])) {
  const files = readdirSync(`${work}/test/test`).filter((name) => name.endsWith(".test.js"));
  const { stdout } = spawnSync(process.execPath, ["--test", "--test-reporter=tap", ...files.map((name) => `${work}/test/test/${name}`)], {
    encoding: "utf8",
  });
  const count = (word) => Number(new RegExp(`^# ${word} (\\d+)`, "m").exec(stdout)?.[1] ?? 0);
  passed += count("pass");
  failed += count("fail") + count("cancelled");
  if (count("fail") + count("cancelled") > 0) console.log(stdout);
  result("unit tests were found", count("pass") + count("fail") > 0, `${count("pass")} of ${count("tests")} passed`);
} else {
  result("types of the tests", false);
}

if (run("vite", ["build", "--outDir", `${work}/dist`, "--emptyOutDir", "--logLevel", "warn"])) {
  const assets = readdirSync(`${work}/dist/assets`).filter((name) => name.endsWith(".js"));
  const bytes = assets.reduce((sum, name) => sum + gzipSync(readFileSync(`${work}/dist/assets/${name}`), { level: 9 }).length, 0);
  const note = `${(bytes / 1000).toFixed(1)} of ${LIMIT_BYTES / 1000} kB gzipped`;
  result("the script is small", assets.length > 0 && bytes < LIMIT_BYTES, note);
  const html = readFileSync(`${work}/dist/index.html`, "utf8");
  result("nothing is loaded from elsewhere", !/(src|href)="(https?:)?\/\//.test(html));
  result("assets are found from any path", (html.match(/(src|href)="\/assets\//g)?.length ?? 0) >= 3);
} else {
  result("build", false);
}

console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
