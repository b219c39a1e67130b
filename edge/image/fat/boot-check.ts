import { RejectedError } from '#core/runtime/errors.js';

const required = ['cmdline.txt', 'config.txt'];

/** What other images have in the root of their FAT. */
const others: readonly { readonly has: RegExp; readonly sentence: string }[] = [
  {
    has: /^(recovery\.cmdline|recovery\.rfs|recovery\.img)$/i,
    sentence: 'It is a NOOBS card: take the image of the system itself.',
  },
  {
    has: /^(armbianenv\.txt|boot\.scr|boot\.cmd|uenv\.txt|extlinux\/)$/i,
    sentence: 'It boots by U-Boot, so it is for another board.',
  },
  { has: /^(efi\/|grub\/|loader\/)$/i, sentence: 'It boots by UEFI, so it is for a PC or a server.' },
];

/** Throws RejectedError `refused` if this is not what the firmware of a Raspberry Pi starts from; says what was found. */
export function checkBootFiles(names: readonly string[]): void {
  const known = new Set(names.map((name) => name.toLowerCase()));
  const missing = required.filter((name) => !known.has(name));
  if (missing.length === 0) return;
  const guess = others.find(({ has }) => names.some((name) => has.test(name)))?.sentence;
  const sentence = `its FAT has no ${missing.join(' and no ')}, as a Raspberry Pi needs it`;
  throw new RejectedError('refused', [`${sentence}; it holds ${shown(names)}.`, guess].filter(Boolean).join(' '));
}

function shown(names: readonly string[]): string {
  if (names.length === 0) return 'nothing';
  return names.slice(0, 12).join(', ') + (names.length > 12 ? ` and ${names.length - 12} more` : '');
}
