/** Whether two numbers, written as JSON or JavaScript writes them, have exactly the same value. Zero has no sign. */
export function sameNumber(left: string, right: string): boolean {
  return left === right || canonical(left) === canonical(right);
}

/** Sign, digits without zeros at either end, and the power of ten of the last digit: one text for each value. */
function canonical(text: string): string {
  const parts = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text);
  if (!parts) return text;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = parts;
  const digits = (whole + fraction).replace(/^0+/, '');
  const significant = trimZeros(digits);
  if (significant === '') return '0';
  const power = BigInt(exponent) - BigInt(fraction.length) + BigInt(digits.length - significant.length);
  return `${sign}${significant}e${power}`;
}

/** Without the zeros at the end. A loop: `/0+$/` takes quadratic time on long runs of zeros. */
function trimZeros(digits: string): string {
  let end = digits.length;
  while (end > 0 && digits.charCodeAt(end - 1) === 48) end -= 1;
  return digits.slice(0, end);
}
