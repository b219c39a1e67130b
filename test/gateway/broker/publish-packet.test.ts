import fc from 'fast-check';
import mqttPacket from 'mqtt-packet';
import { describe, expect, it } from 'vitest';
import { emptyPublish, readPublish } from '../../../gateway/broker/publish-packet.js';

const published = fc.record({
  topic: fc.string({ minLength: 1, maxLength: 60, unit: fc.constantFrom('a', 'Z', '0', '/', 'é', '€') }),
  payload: fc.uint8Array({ maxLength: 20_000 }).map((bytes) => Buffer.from(bytes)),
  qos: fc.constantFrom(0 as const, 1 as const, 2 as const),
  retain: fc.boolean(),
  dup: fc.boolean(),
  messageId: fc.integer({ min: 1, max: 65_535 }),
});

describe('a PUBLISH', () => {
  it('is read as another parser reads it', () => {
    fc.assert(
      fc.property(published, (fields) => {
        const bytes = mqttPacket.generate({ cmd: 'publish', ...fields, dup: fields.qos > 0 && fields.dup });
        const packet = emptyPublish();
        expect(readPublish(packet, bytes)).toBe(true);
        const { qos, retain, dup, messageId, topicStart, topicEnd, payloadStart } = packet;
        expect(bytes.toString('utf8', topicStart, topicEnd)).toBe(fields.topic);
        expect(Buffer.compare(bytes.subarray(payloadStart), fields.payload)).toBe(0);
        expect({ qos, retain }).toEqual({ qos: fields.qos, retain: fields.retain });
        if (qos > 0) expect({ dup, messageId }).toEqual({ dup: fields.dup, messageId: fields.messageId });
      }),
    );
  });

  it('that is cut anywhere before its payload, or damaged, is none, or lies within its bytes', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0x30, max: 0x3f }), fc.uint8Array({ maxLength: 60 }), (first, body) => {
        const bytes = Buffer.from([first, body.length, ...body]);
        const packet = emptyPublish();
        if (!readPublish(packet, bytes)) return;
        expect(packet.topicStart).toBeLessThan(packet.topicEnd);
        expect(packet.payloadStart).toBeLessThanOrEqual(bytes.length);
        expect(packet.qos).toBeLessThan(3);
        if (packet.qos > 0) expect(packet.messageId).toBeGreaterThan(0);
      }),
      { numRuns: 1000 },
    );
  });

  it('of QoS 3, without a topic, without its message id or with the id 0 is none', () => {
    const isPublish = (hex: string) => readPublish(emptyPublish(), Buffer.from(hex, 'hex'));
    expect(isPublish('3205000161' + '0001')).toBe(true);
    expect(isPublish('3605000161' + '0001')).toBe(false);
    expect(isPublish('3204' + '0000' + '0001')).toBe(false);
    expect(isPublish('3204000161' + '00')).toBe(false);
    expect(isPublish('3205000161' + '0000')).toBe(false);
    expect(isPublish('3005000961' + '0000')).toBe(false);
  });
});
