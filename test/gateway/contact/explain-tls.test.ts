import { expect, it } from 'vitest';
import { systemClock } from '../../../core/runtime/clock.js';
import { Contacts } from '../../../gateway/contact/contacts.js';
import { explainTls } from '../../../gateway/contact/explain-tls.js';

it.each([
  [
    '40A7B5:error:0A000418:SSL routines:ssl3_read_bytes:tlsv1 alert unknown ca:../ssl/record.c:1584:SSL alert 48',
    /its CA is another.*\(tlsv1 alert unknown ca\)$/,
  ],
  ['40A7B5:error:0A000415:SSL routines:ssl3_read_bytes:ssl/tls alert certificate expired:x:1', /is its clock right/],
  ['40A7B5:error:0A000412:SSL routines:ssl3_read_bytes:ssl/tls alert bad certificate:x:1', /refuses our certificate/],
  ['40A7B5:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:x:354:', /speaks no TLS/],
  ['read ECONNRESET', /hung up in the handshake/],
  ['something new', /^something new$/],
])('%s', (detail, meaning) => {
  expect(explainTls(detail)).toMatch(meaning);
});

it('what failed is forgotten in bounded memory, the oldest first', () => {
  const contacts = new Contacts({ clock: systemClock, maxKept: 3 });
  for (let n = 0; n < 10; n += 1) {
    contacts.refused('unauthorised', 'no', { userName: `plant1/pi-${n}`, address: '10.0.0.1' });
    contacts.refused('tls', 'read ECONNRESET', { address: `10.0.0.${n}` });
  }
  expect(contacts.strangers()).toHaveLength(3);
  expect(contacts.troubleOf({ site: 'plant1', device: 'pi-0' })).toEqual([]);
  expect(contacts.troubleOf({ site: 'plant1', device: 'pi-9' })).toHaveLength(1);
  for (let n = 0; n < 100; n += 1)
    contacts.refused('unauthorised', 'no', { userName: 'plant1/pi-9', address: `10.0.1.${n}` });
  expect(contacts.troubleOf({ site: 'plant1', device: 'pi-9' })).toHaveLength(8);
});
