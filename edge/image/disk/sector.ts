/** Of every SD card, and of the images for them. Disks with sectors of 4,096 bytes are refused. */
export const sectorBytes = 512;
