/**
 * Reflected polynomials: that of zip files (IEEE 802.3, 0x04c11db7) and Castagnoli's (0x1edc6f41), which LevelDB and
 * TensorFlow use.
 */
const ZIP_POLYNOMIAL = 0xedb88320;
const CASTAGNOLI = 0x82f63b78;

const tables = new Map<number, Uint32Array[]>();

/** Eight tables of 256 entries for a polynomial, built on first use. */
function crcTables(polynomial: number): Uint32Array[] {
  const known = tables.get(polynomial);
  if (known) return known;
  const first = new Uint32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1;
    first[byte] = crc;
  }
  const built = [first];
  for (let level = 1; level < 8; level++) {
    const previous = built[level - 1];
    built.push(Uint32Array.from(previous, (crc) => (crc >>> 8) ^ first[crc & 0xff]));
  }
  tables.set(polynomial, built);
  return built;
}

/** CRC-32C of `bytes`. */
export function crc32c(bytes: Uint8Array): number {
  return checksum(bytes, CASTAGNOLI);
}

/** CRC-32 of `bytes`, as zip files have it. */
export function crc32(bytes: Uint8Array): number {
  return checksum(bytes, ZIP_POLYNOMIAL);
}

/** Eight bytes a step ("slicing by eight"). */
function checksum(bytes: Uint8Array, polynomial: number): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = crcTables(polynomial);
  let crc = 0xffffffff;
  let i = 0;
  for (; i + 8 <= bytes.length; i += 8) {
    crc =
      t7[(crc ^ bytes[i]) & 0xff] ^
      t6[((crc >>> 8) ^ bytes[i + 1]) & 0xff] ^
      t5[((crc >>> 16) ^ bytes[i + 2]) & 0xff] ^
      t4[((crc >>> 24) ^ bytes[i + 3]) & 0xff] ^
      t3[bytes[i + 4]] ^
      t2[bytes[i + 5]] ^
      t1[bytes[i + 6]] ^
      t0[bytes[i + 7]];
  }
  for (; i < bytes.length; i++) crc = (crc >>> 8) ^ t0[(crc ^ bytes[i]) & 0xff];
  return ~crc >>> 0;
}

/** LevelDB's and TensorFlow's masked form of {@link crc32c}, which is what their files store. */
export function maskedCrc32c(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
