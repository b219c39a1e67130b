import type { UpTopic } from '#core/contract/mqtt-topics.js';
import { decodeAlert } from './decode-alert.js';
import { decodeData } from './decode-data.js';
import { decodeResult } from './decode-result.js';
import { decodeState } from './decode-state.js';
import type { Decoder } from './decoded.js';

/** One decoder for each topic that a device writes. */
export const decoders = {
  data: decodeData,
  alert: decodeAlert,
  state: decodeState,
  result: decodeResult,
} satisfies Record<UpTopic, Decoder>;
