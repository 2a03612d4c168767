// Plain JavaScript, preloaded by the npm scripts: an older Node cannot even read the commands to say why it fails.
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(
    `\nRingfare's commands need Node 22.18 or newer; this is Node ${process.versions.node}.\n` +
      "`npm ci` brings the right one: run it without --ignore-scripts, then use `npm start` (not node directly).",
  );
  process.exit(1);
}
