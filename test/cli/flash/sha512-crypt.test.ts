import { expect, it } from 'vitest';
import { sha512Crypt } from '../../../cli/flash/sha512-crypt.js';

// The first two of the specification, the others as `openssl passwd -6` makes them.
it.each([
  [
    'Hello world!',
    'saltstring',
    'svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1',
  ],
  [
    'This is just a test',
    'toolongsaltstring',
    'lQ8jolhgVRVhY4b5pZKaysCLi0QBxGoNeKQzQ3glMhwllF7oGDZxUhx1yxdYcz/e1JSbq3y6JMxxl8audkUEm0',
  ],
  ['a', 'abc', 'nlhAD6nGlGRMDj1Sphvkk9r/6E8dgKu7aqKErMwZ3U3A1onV461eE5jl9tfrBIm/M2o5cPL52lhAdhLA0OvUD/'],
  ['aé', 'abc', 'juoDeqDEOtgsaUR7OtUdD3D2iC/8YhQGWYR9FMfuaguLEWWj8l1L.xaBUj8UCOwIVdI5IIgCNh4rApd3vQdlw/'],
  ['x'.repeat(200), 'abc', '9bIqFS3gcEah7ONB5aYjFczb7Fkaut01.W86FsbxH3PnKOS.T6QNYs7qzjm/MziNMzBBXqOaoSNUc4PtFnUj0.'],
])('%s', (password, salt, digest) => expect(sha512Crypt(password, salt)).toBe(`$6$${salt.slice(0, 16)}$${digest}`));
