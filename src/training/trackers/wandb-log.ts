import { closeSync, openSync, writeSync } from 'node:fs';
import { crc32 } from '../../checkpoint/crc32.ts';
import { concatenate } from '../../core/protobuf.ts';

/*
 * The file format of W&B runs (`run-ID.wandb`): LevelDB's log (github.com/google/leveldb, doc/log_format.md) after a
 * header of 7 bytes. Unlike LevelDB's, its checksums are plain CRC-32 of type and data (wandb/sdk/internal/datastore.py
 * of wandb 0.21), neither Castagnoli's nor masked.
 */

const FILE_HEADER = Uint8Array.of(0x3a, 0x57, 0x26, 0x42, 0xe1, 0xbe, 0); // ":W&B", 0xbee1, version 0
const BLOCK = 32_768;
const PIECE_HEADER = 7;
const FULL = 1;
const FIRST = 2;
const MIDDLE = 3;
const LAST = 4;

/** Appends records to a W&B log. Every record reaches the operating system before {@link WandbLogWriter.write} returns. */
export class WandbLogWriter {
  private readonly file: number;
  private position = 0;

  /** Creates the file; fails where there is one. */
  constructor(path: string) {
    this.file = openSync(path, 'wx');
    this.append(FILE_HEADER);
  }

  /** Writes one record, divided where it crosses the end of a block. */
  write(record: Uint8Array): void {
    const pieces: Uint8Array[] = [];
    let position = this.position;
    let rest = record;
    for (let isFirst = true; isFirst || rest.length > 0; isFirst = false) {
      let room = BLOCK - (position % BLOCK);
      if (room < PIECE_HEADER) {
        pieces.push(new Uint8Array(room));
        position += room;
        room = BLOCK;
      }
      const data = rest.subarray(0, room - PIECE_HEADER);
      rest = rest.subarray(data.length);
      const isLast = rest.length === 0;
      pieces.push(piece(isFirst ? (isLast ? FULL : FIRST) : isLast ? LAST : MIDDLE, data));
      position += PIECE_HEADER + data.length;
    }
    this.append(concatenate(pieces));
  }

  close(): void {
    closeSync(this.file);
  }

  private append(bytes: Uint8Array): void {
    for (let written = 0; written < bytes.length;) written += writeSync(this.file, bytes, written);
    this.position += bytes.length;
  }
}

function piece(type: number, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(PIECE_HEADER + data.length);
  bytes[6] = type;
  bytes.set(data, PIECE_HEADER);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, crc32(bytes.subarray(6)), true);
  view.setUint16(4, data.length, true);
  return bytes;
}

/**
 * The records of a W&B log, up to the first that is cut short or damaged: that is what a killed process or a full disk
 * leaves. Nothing where the file does not begin as one.
 */
export function* readWandbLog(bytes: Uint8Array): Generator<Uint8Array> {
  if (FILE_HEADER.some((byte, index) => bytes[index] !== byte)) return;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let position = FILE_HEADER.length;
  let pending: Uint8Array[] = [];
  for (;;) {
    const room = BLOCK - (position % BLOCK);
    if (room < PIECE_HEADER) position += room;
    if (position + PIECE_HEADER > bytes.length) return;
    const start = position + PIECE_HEADER;
    const end = start + view.getUint16(position + 4, true);
    const type = bytes[position + 6];
    const isStart = type === FULL || type === FIRST;
    if (end > bytes.length || type < FULL || type > LAST || isStart !== (pending.length === 0)) return;
    if (crc32(bytes.subarray(position + 6, end)) !== view.getUint32(position, true)) return;
    pending.push(bytes.subarray(start, end));
    position = end;
    if (type !== FULL && type !== LAST) continue;
    yield concatenate(pending);
    pending = [];
  }
}
