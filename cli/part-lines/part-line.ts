import type { Registry } from 'prom-client';
import type { DataDirectory } from '#core/runtime/data-directory.js';
import type { Part } from '#core/runtime/lifecycle.js';
import type { Logger } from '#core/runtime/logger.js';
import type { FieldlineConfig } from '../config.js';

export interface PartSeams {
  readonly config: FieldlineConfig;
  readonly data: DataDirectory;
  readonly logger: Logger;
  readonly registry: Registry;
}

/** What a part is made of when it is a process of its own, in the order in which it starts. */
export type PartLine = (seams: PartSeams) => Promise<Part[]>;
