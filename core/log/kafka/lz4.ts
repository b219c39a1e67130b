import kafkajs from 'kafkajs';
import type { BatchCodec } from './record-batch.js';
import { compressFrame, compressFrameSync, decompressFrame, decompressFrameSync } from 'lz4-napi';

/** Above this a thread takes less of the event loop's time than the work itself. */
const longBytes = 262_144;

// The LZ4 frame format with independent blocks and no dictionary, which is what Kafka's brokers check and all clients
// since 0.10 speak (KIP-57).
const codec = {
  compress: async (encoder: { readonly buffer: Buffer }): Promise<Buffer> =>
    encoder.buffer.length < longBytes ? compressFrameSync(encoder.buffer) : compressFrame(encoder.buffer),
  decompress: async (buffer: Buffer): Promise<Buffer> =>
    buffer.length < longBytes / 4 ? decompressFrameSync(buffer) : decompressFrame(buffer),
};

/** For the batches that we write. */
export const lz4: BatchCodec = {
  attribute: kafkajs.CompressionTypes.LZ4,
  compress: (records) => (records.length < longBytes ? compressFrameSync(records) : compressFrame(records)),
};

/** Teaches kafkajs lz4; its table of codecs is one for the whole process. May be called more than once. */
export function registerLz4(): void {
  kafkajs.CompressionCodecs[kafkajs.CompressionTypes.LZ4] = () => codec;
}
