import { z } from 'zod';
import type { ReadingBuffer } from '../reading-buffer.js';
import { delimiterSchema, readDelimited } from './delimiter.js';
import { Frames, frameSchema } from './frame.js';
import { jsonLineSchema, readJson } from './json-line.js';
import { Lines } from './lines.js';
import { RecordSink, type SerialParser } from './parser.js';
import { readMatched, regexSchema } from './regex.js';

export const parserSchema = z.discriminatedUnion('format', [delimiterSchema, regexSchema, jsonLineSchema, frameSchema]);
export type ParserOptions = z.output<typeof parserSchema>;

export function createParser(options: ParserOptions, maxLineBytes: number, buffer: ReadingBuffer): SerialParser {
  if (options.format === 'frame') return new Frames(options, buffer);
  const sink = new RecordSink(options.channels, buffer);
  const onLine = lineReader(options, sink);
  return new Lines({ lineEnd: options.lineEnd, maxLineBytes, buffer, onLine });
}

function lineReader(options: Exclude<ParserOptions, { format: 'frame' }>, sink: RecordSink) {
  switch (options.format) {
    case 'delimiter':
      return readDelimited(options, sink);
    case 'regex':
      return readMatched(options, sink);
    case 'json':
      return readJson(options, sink);
  }
}
