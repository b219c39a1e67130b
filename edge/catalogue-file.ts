import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { catalogueSchema, type Catalogue } from '#core/contract/catalogue.js';
import { messageOf, systemCode } from '#core/runtime/errors.js';
import type { Logger } from '#core/runtime/logger.js';

const fileSchema = z.array(catalogueSchema);

/**
 * Catalogues on disk. Written at once, blocking, because a pack may name a catalogue only after it is safe; that
 * happens when a device's sensors change, not while it measures.
 */
export class CatalogueFile {
  constructor(
    private readonly path: string,
    private readonly logger: Logger,
  ) {}

  /** None if there is no file yet, or if it cannot be read: then packs of older catalogues wait at the gateway. */
  load(): Catalogue[] {
    try {
      return fileSchema.parse(JSON.parse(readFileSync(this.path, 'utf8')));
    } catch (error) {
      if (systemCode(error) !== 'ENOENT')
        this.logger.error({ path: this.path, error: messageOf(error) }, 'unreadable catalogues');
      return [];
    }
  }

  /** A full disk is logged, not thrown: the current catalogue is told with each birth anyway. */
  save(catalogues: readonly Catalogue[]): void {
    try {
      mkdirSync(dirname(this.path), { recursive: true });
      const fd = openSync(`${this.path}.new`, 'w', 0o640);
      try {
        writeFileSync(fd, JSON.stringify(catalogues));
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
      renameSync(`${this.path}.new`, this.path);
    } catch (error) {
      this.logger.error({ path: this.path, error: messageOf(error) }, 'catalogues could not be written');
    }
  }
}
