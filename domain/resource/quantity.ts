const QUANTITY = /^([+-]?\d+(?:\.\d*)?|[+-]?\.\d+)(?:([eE][+-]?\d+)|(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei))?$/;
/** Each step is a factor of 1,000; the space stands for 1. */
const DECIMAL = 'num kMGTPE';
const BINARY = ['Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];

/** The number that a Kubernetes quantity such as `10Gi`, `1.5T`, `128974848` or `12e6` stands for, rounded up; undefined when it is none. */
export function parseQuantity(text: string): number | undefined {
  const [, digits, exponent, suffix = ''] = QUANTITY.exec(text.trim()) ?? [];
  if (digits === undefined) return undefined;
  return Math.ceil(Number(`${digits}${exponent ?? ''}`) * multiplier(suffix));
}

function multiplier(suffix: string): number {
  if (suffix === '') return 1;
  const binary = BINARY.indexOf(suffix);
  if (binary >= 0) return 1024 ** (binary + 1);
  return suffix === 'n' ? 1e-9 : 1000 ** (DECIMAL.indexOf(suffix) - 3);
}
