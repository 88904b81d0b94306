/** Whether 8-bit products are exact on this processor, and how that is known. */
export interface Int8Support {
  /** False when sums of two u8 x s8 products may be cut to 16 bits, so that weights must keep to 7 bits. */
  exact: boolean;
  reason: string;
}

/** What {@link detectInt8} looks at; the defaults describe this process. */
export interface ProcessorFacts {
  platform?: string | undefined;
  architecture?: string | undefined;
  readFile?: ((path: string) => string) | undefined;
}

/** Any one of these multiplies bytes and adds the products in 32 bits. */
const EXACT_FLAGS = ['avx512_vnni', 'avx_vnni', 'amx_int8'];

/**
 * ONNX Runtime's u8 x s8 kernels for AVX2 and AVX-512 without VNNI add pairs of products in 16 bits with saturation
 * (`vpmaddubsw`): 2 * 255 * 127 does not fit. VNNI, AMX and all ARM kernels add in 32 bits. Where the processor cannot
 * be seen (Windows, Intel Macs, browsers) the answer is the safe one.
 */
export function detectInt8(facts: ProcessorFacts = {}): Int8Support {
  const current = typeof process === 'undefined' ? undefined : process;
  const { platform = current?.platform, architecture = current?.arch, readFile = readTextFile } = facts;
  if (platform === undefined) return { exact: false, reason: 'the processor cannot be seen from a browser' };
  if (architecture === 'arm64') return { exact: true, reason: 'ARM kernels add products in 32 bits' };
  if (platform !== 'linux' || architecture !== 'x64')
    return { exact: false, reason: `processor flags are not readable on ${platform} ${architecture ?? ''}`.trim() };
  const flags = readFlags(readFile);
  if (!flags) return { exact: false, reason: '/proc/cpuinfo lists no flags' };
  const found = EXACT_FLAGS.find((flag) => flags.has(flag));
  return found
    ? { exact: true, reason: `the processor has ${found}` }
    : { exact: false, reason: `the processor has none of ${EXACT_FLAGS.join(', ')}` };
}

function readFlags(readFile: (path: string) => string): Set<string> | undefined {
  try {
    const line = /^flags\s*:\s*(.+)$/m.exec(readFile('/proc/cpuinfo'));
    return line ? new Set(line[1].split(/\s+/)) : undefined;
  } catch {
    return undefined;
  }
}

/** Browsers load this file too, so Node's module is looked up instead of imported. */
function readTextFile(path: string): string {
  const fs = process.getBuiltinModule?.('node:fs');
  if (!fs) throw new Error('no file system');
  return fs.readFileSync(path, 'utf8');
}
