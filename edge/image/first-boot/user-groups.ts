/** Those of the first user of Raspberry Pi OS; a group that an image lacks is left out by it. */
export const userGroups = [
  ...['users', 'adm', 'dialout', 'audio', 'netdev', 'video', 'plugdev', 'cdrom', 'games', 'input'],
  ...['gpio', 'spi', 'i2c', 'render', 'sudo'],
] as const;
