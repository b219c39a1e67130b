import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { FatalError } from '../../../core/runtime/errors.js';
import { LevelOutbox } from '../../../edge/outbox/level-outbox.js';
import { drain } from '../../contracts/outbox/harness.js';
import { seqsOf, tracedEntry } from '../../contracts/outbox/traced-pack.js';
import { waitFor } from '../../servers/wait-for.js';
import { tempDir } from '../../support/temp-dir.js';
import { levelOptions } from './level-under-test.js';

describe('opening an outbox', () => {
  it('makes another epoch for each new directory, and keeps it', async () => {
    const directories = [await tempDir(), await tempDir()];
    const outboxes = directories.map((directory) => new LevelOutbox(levelOptions(directory)));
    for (const outbox of outboxes) await outbox.start();
    const [first, second] = outboxes.map(({ epoch }) => epoch);
    expect(first).not.toBe(second);
    for (const outbox of outboxes) await outbox.stop(1000);
    await outboxes[0]!.start();
    expect(outboxes[0]!.epoch).toBe(first);
    await outboxes[0]!.stop(1000);
  });

  it('refuses a directory that is in use', async () => {
    const directory = await tempDir();
    const first = new LevelOutbox(levelOptions(directory));
    await first.start();
    const second = new LevelOutbox(levelOptions(directory));
    await expect(second.start()).rejects.toMatchObject({ name: 'FatalError', code: 'locked' });
    await first.stop(1000);
    await second.start();
    await second.stop(1000);
  });

  it('says where the data is that it cannot read', async () => {
    const directory = await tempDir();
    const outbox = new LevelOutbox(levelOptions(directory));
    await outbox.start();
    await outbox.stop(1000);
    await writeFile(join(directory, 'packs', 'CURRENT'), 'nonsense\n');
    const error = await outbox.start().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(FatalError);
    expect(error).toMatchObject({ code: 'corrupt', message: expect.stringContaining(directory) as string });
  });

  it('does not let the event log of LevelDB grow for ever', async () => {
    const directory = await tempDir();
    const outbox = new LevelOutbox(levelOptions(directory));
    await outbox.start();
    const log = join(directory, 'packs', 'LOG');
    await writeFile(log, Buffer.alloc(2 * 1024 * 1024), { flag: 'a' });
    await waitFor('a new event log', 10_000, async () => {
      await outbox.append([tracedEntry('data', ['x'], 60_000)]);
      return (await stat(log)).size < 1024 * 1024;
    });
    const { lastSeq } = outbox.status();
    expect(seqsOf(await drain(outbox))).toEqual([...Array(lastSeq + 1).keys()]);
    await outbox.stop(1000);
  });

  it('counts readings in and out, over a restart, and shows its size', async () => {
    const directory = await tempDir();
    const registry = new Registry();
    const outbox = new LevelOutbox(levelOptions(directory, { registry }));
    await outbox.start();
    await outbox.append([tracedEntry('data', ['a', 'b', 'c']), tracedEntry('data', ['d'])]);
    await outbox.acknowledge(seqsOf(await outbox.offer('data', 1)));
    expect(outbox.meter.snapshot()).toMatchObject({ stage: 'edge_outbox', in: 4, out: 3, inFlight: 1 });
    const text = await registry.metrics();
    expect(text).toContain('fieldline_edge_outbox_readings_in_total 4');
    expect(text).toContain('fieldline_edge_outbox_pending_packs 1');
    expect(text).toMatch(/fieldline_edge_outbox_disk_bytes [1-9]\d{6}/);
    expect(text).toMatch(/fieldline_edge_outbox_written_bytes_per_reading [1-9]/);
    await outbox.stop(1000);

    const again = new LevelOutbox(levelOptions(directory));
    await again.start();
    expect(again.meter.snapshot()).toMatchObject({ in: 1, out: 0, inFlight: 1 });
    await again.resend(0, 0);
    await drain(again);
    // A pack that is sent again is not counted again.
    expect(again.meter.snapshot()).toMatchObject({ in: 1, out: 1, inFlight: 0 });
    await again.stop(1000);
  });
});
