/** `99.20 %, 3 on the way`; it says 100 % only where nothing is missing, and nothing while it is not known. */
export function arrivedInWords(share: number | null, onTheWay: number | null): string {
  if (share === null) return '';
  const percent = share === 1 ? '100' : (Math.floor(share * 10_000) / 100).toFixed(2);
  return `${percent} %${onTheWay ? `, ${onTheWay} on the way` : ''}`;
}
