// Runs commands of `fieldline` one after the other in this process, each as its program starts: cli/main.js with the words,
// the folder and the outputs of a caller, which a script in sh asks for through files. Node and the packages start once.
//   node one-process.mjs <main.js> <folder>
import { openSync, createReadStream, readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [, , main, folder] = process.argv;

async function run(request, number) {
  const [cwd, ...words] = readFileSync(join(request, 'words'), 'utf8').split('\0').slice(0, -1);
  const said = { stdout: '', stderr: '' };
  const writes = { stdout: process.stdout.write, stderr: process.stderr.write };
  for (const name of ['stdout', 'stderr']) {
    process[name].write = (chunk, encoding, done = encoding) => {
      said[name] += Buffer.from(chunk).toString();
      if (typeof done === 'function') done();
      return true;
    };
  }
  process.chdir(cwd);
  process.argv = [process.argv[0], main, ...words];
  process.exitCode = 0;
  try {
    // Only the program itself begins anew.
    await import(`${pathToFileURL(main).href}?${number}`);
  } catch (error) {
    said.stderr += String(error?.stack ?? error);
    process.exitCode = 1;
  } finally {
    for (const name of ['stdout', 'stderr']) process[name].write = writes[name];
  }
  for (const name of ['stdout', 'stderr']) writeFileSync(join(request, name), said[name]);
  writeFileSync(join(request, 'end'), `${process.exitCode ?? 0}\n`);
}

// Open for writing as well, so that it does not end with the first caller.
const requests = createInterface({ input: createReadStream('', { fd: openSync(join(folder, 'requests'), 'r+') }) });
let number = 0;
for await (const request of requests) await run(request, ++number);
