let tables: Uint32Array[] | undefined;

/** Eight tables of 256 entries for the Castagnoli polynomial (0x1edc6f41, reflected), built on first use. */
function crcTables(): Uint32Array[] {
  if (tables) return tables;
  const first = new Uint32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
    first[byte] = crc;
  }
  const built = [first];
  for (let level = 1; level < 8; level++) {
    const previous = built[level - 1];
    built.push(Uint32Array.from(previous, (crc) => (crc >>> 8) ^ first[crc & 0xff]));
  }
  tables = built;
  return built;
}

/** CRC-32C of `bytes`, eight bytes a step ("slicing by eight"). */
export function crc32c(bytes: Uint8Array): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = crcTables();
  let crc = 0xffffffff;
  let i = 0;
  for (; i + 8 <= bytes.length; i += 8) {
    crc = t7[(crc ^ bytes[i]) & 0xff] ^ t6[((crc >>> 8) ^ bytes[i + 1]) & 0xff] ^ t5[((crc >>> 16) ^ bytes[i + 2]) & 0xff] ^ t4[((crc >>> 24) ^ bytes[i + 3]) & 0xff]
      ^ t3[bytes[i + 4]] ^ t2[bytes[i + 5]] ^ t1[bytes[i + 6]] ^ t0[bytes[i + 7]];
  }
  for (; i < bytes.length; i++) crc = (crc >>> 8) ^ t0[(crc ^ bytes[i]) & 0xff];
  return ~crc >>> 0;
}

/** LevelDB's and TensorFlow's masked form of {@link crc32c}, which is what their files store. */
export function maskedCrc32c(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
