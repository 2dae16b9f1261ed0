// Reads the configuration files of testdata/uafile, and writes them again.
//
//   node vectors.mjs FILE.hex ...
//
// A # in a file starts a comment. Every file prints one line of JSON: {"step",
// "ok", "detail"}, where the detail has the bytes made again, and the values.
import { readFileSync } from "node:fs";
import { decode, encode } from "./structures.mjs";

for (const name of process.argv.slice(2)) {
  let line;
  try {
    const bytes = Buffer.from(readFileSync(name, "utf8").replace(/#.*|\s/g, ""), "hex");
    const file = decode(bytes);
    line = { step: name, ok: true, detail: {
      type: file.body.value.schema.name, bytes: bytes.toString("hex"), again: encode(file).toString("hex"), namespaces: file.namespaces, application: file.body.value,
    } };
  } catch (error) {
    line = { step: name, ok: false, detail: String(error?.stack ?? error) };
  }
  console.log(JSON.stringify(line, (key, value) => (key === "schema" ? undefined : value)));
}
process.exit(0);
