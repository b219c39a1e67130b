import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A real file system of its own, of a few MiB, that can be filled to the last byte. */
export class SmallDisk {
  private constructor(readonly path: string) {}

  /** Undefined where this process may not mount. */
  static mount(bytes: number): SmallDisk | undefined {
    if (process.platform !== 'linux' || process.getuid?.() !== 0) return undefined;
    const path = mkdtempSync(join(tmpdir(), 'fieldline-disk-'));
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'fieldline-test', path], { stdio: 'ignore' });
      return new SmallDisk(path);
    } catch {
      rmdirSync(path);
      return undefined;
    }
  }

  async freeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(this.path);
    return bavail * bsize;
  }

  /** Something else takes the space, all but so much. */
  async hog(leaveBytes: number): Promise<void> {
    await writeFile(join(this.path, 'hog'), Buffer.alloc(Math.max(0, (await this.freeBytes()) - leaveBytes)));
  }

  async release(): Promise<void> {
    await rm(join(this.path, 'hog'), { force: true });
  }

  unmount(): void {
    execFileSync('umount', ['-l', this.path]);
    rmdirSync(this.path);
  }
}
