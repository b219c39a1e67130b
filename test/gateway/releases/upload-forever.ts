// A program: takes in a part of a release that has no end, until it is killed, and prints how much it was given.
import { ReleaseFolder } from '../../../gateway/releases/release-folder.js';
import { systemClock } from '../../../core/runtime/clock.js';

const [directory, sha256] = process.argv.slice(2) as [string, string];
const limits = { maxPartBytes: 1e9, maxBytes: 1e9, stallMs: 60_000 };
const folder = new ReleaseFolder({ directory, ...limits, clock: systemClock });

async function* endless(): AsyncGenerator<Uint8Array> {
  for (let bytes = 0; ; bytes += 4096) {
    yield new Uint8Array(4096);
    process.stdout.write(`${bytes}\n`);
    await systemClock.sleep(1);
  }
}

await folder.putPart(sha256, endless());
