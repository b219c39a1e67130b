import { writeToStream } from 'mqtt-packet';

// mqtt-packet keeps a Buffer for each of the 65,536 numbers that a packet may have, 9 MB of them, made with the first
// packet. The agent sends some hundred packets a second at most: two bytes made anew for each are cheaper.
writeToStream.cacheNumbers = false;
