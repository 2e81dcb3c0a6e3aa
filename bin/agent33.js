#!/usr/bin/env node
// Plain old syntax: this file must still run on the Node versions that it refuses.
var major = Number(process.versions.node.split('.')[0]);
if (major < 24) {
  process.stderr.write(
    'agent33 needs Node.js 24 or newer; this is ' +
      process.version +
      '.\n' +
      'Install a newer one from https://nodejs.org, or in this folder run `npm install node@24`.\n',
  );
  process.exit(2);
}
Promise.all([import('node:fs'), import('node:url')])
  .then(function (modules) {
    // A checkout runs its sources, also beside an old build; the package holds the build only.
    var source = new URL('../src/cli/main.ts', import.meta.url);
    var entry = modules[0].existsSync(modules[1].fileURLToPath(source))
      ? source
      : new URL('../dist/cli/main.js', import.meta.url);
    return import(entry.href);
  })
  .catch(function (error) {
    process.stderr.write('agent33 could not start: ' + (error && error.stack ? error.stack : error) + '\n');
    process.exit(1);
  });
