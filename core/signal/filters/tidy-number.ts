/** More digits than a sensor has, and fewer than a double: so much may be rounded off. */
const digits = 14;

/**
 * The number without the dust of its arithmetic: 294.84999999999997 is 294.85. It takes fewer bytes to send.
 * `magnitude` is the greatest number that went into a sum: what is left of a difference has its dust.
 */
export function tidyNumber(value: number, magnitude = 0): number {
  if (Number.isInteger(value)) return value;
  const decimals = digits - Math.ceil(Math.log10(Math.max(Math.abs(value), magnitude)));
  // Whatever is too great for decimals, or too small, has none of ours.
  return decimals >= 0 && decimals <= 100 ? Number(value.toFixed(decimals)) : value;
}
