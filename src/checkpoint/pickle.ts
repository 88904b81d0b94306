import { AlbertineError } from '../core/errors.ts';

/** A reference to a Python class or function by name; nothing is ever imported or called. */
export class PickleGlobal {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

/** What {@link unpickle} does for the few calls and outside objects that it lets through. */
export interface PickleHandlers {
  /**
   * Result of calling `name` (such as `torch._utils._rebuild_tensor_v2`); must throw for names that it does not know.
   */
  call(name: string, args: unknown[]): unknown;
  /** The object behind a persistent id, such as a tensor's storage. */
  persistent(id: unknown): unknown;
}

/** Names that may be mentioned at all; anything else stops the reading before it could matter. */
export type AllowedGlobal = (name: string) => boolean;

/** Where {@link unpickle} starts and whom it asks. */
export interface UnpickleOptions extends PickleHandlers {
  start?: number;
  allowed: AllowedGlobal;
  /** File name for messages. */
  file: string;
}

const MARK = Symbol('mark');

/**
 * Reads one pickle (protocols 2 to 4, the opcodes that PyTorch's files use) without executing anything: `GLOBAL` only
 * names things, and calls go to `handlers.call`. Returns the object and the offset after it. Dictionaries become
 * `Map`s; tuples and lists arrays. Throws `unsupported` for a forbidden name or opcode and `invalid_file` for damaged
 * data.
 */
export function unpickle(bytes: Uint8Array, options: UnpickleOptions): { value: unknown; end: number } {
  return new Unpickler(bytes, options).run();
}

class Unpickler {
  private readonly bytes: Uint8Array;
  private readonly data: DataView;
  private readonly options: UnpickleOptions;
  private readonly stack: unknown[] = [];
  private readonly memo = new Map<number, unknown>();
  private at: number;

  constructor(bytes: Uint8Array, options: UnpickleOptions) {
    this.bytes = bytes;
    this.data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.options = options;
    this.at = options.start ?? 0;
  }

  run(): { value: unknown; end: number } {
    for (;;) {
      const opcode = this.bytes[this.take(1)];
      if (opcode === 0x2e) return { value: this.pop(), end: this.at }; // STOP
      this.step(opcode);
    }
  }

  private step(opcode: number): void {
    switch (opcode) {
      case 0x80:
        this.take(1);
        return; // PROTO
      case 0x95:
        this.take(8);
        return; // FRAME
      case 0x28:
        this.stack.push(MARK);
        return; // MARK
      case 0x30:
        this.pop();
        return; // POP
      case 0x4e:
        this.stack.push(null);
        return; // NONE
      case 0x88:
        this.stack.push(true);
        return; // NEWTRUE
      case 0x89:
        this.stack.push(false);
        return; // NEWFALSE
      case 0x5d:
      case 0x29:
        this.stack.push([]);
        return; // EMPTY_LIST, EMPTY_TUPLE
      case 0x7d:
        this.stack.push(new Map());
        return; // EMPTY_DICT
      case 0x8f:
        this.stack.push(new Set());
        return; // EMPTY_SET
      case 0x63:
        this.pushGlobal(this.line(), this.line());
        return; // GLOBAL
      case 0x93: {
        // STACK_GLOBAL
        const name = this.pop();
        this.pushGlobal(String(this.pop()), String(name));
        return;
      }
      case 0x52:
        this.reduce();
        return; // REDUCE
      case 0x62:
        this.pop();
        return; // BUILD: attributes such as state_dict's _metadata, which hold no weights
      case 0x51:
        this.stack.push(this.options.persistent(this.pop()));
        return; // BINPERSID
      default:
        if (!this.scalar(opcode) && !this.memoStep(opcode) && !this.container(opcode)) {
          throw new AlbertineError(
            'unsupported',
            `${this.options.file}: pickle opcode 0x${opcode.toString(16)} at byte ${this.at - 1}`,
            {
              value: opcode,
              hint: 'Only files written by torch.save of a state_dict can be read; save it as safetensors instead',
            },
          );
        }
    }
  }

  /** Opcodes that push a number or a string. */
  private scalar(opcode: number): boolean {
    switch (opcode) {
      case 0x4b:
        this.stack.push(this.data.getUint8(this.take(1)));
        return true; // BININT1
      case 0x4d:
        this.stack.push(this.data.getUint16(this.take(2), true));
        return true; // BININT2
      case 0x4a:
        this.stack.push(this.data.getInt32(this.take(4), true));
        return true; // BININT
      case 0x8a:
        this.stack.push(this.long(this.data.getUint8(this.take(1))));
        return true; // LONG1
      case 0x47:
        this.stack.push(this.data.getFloat64(this.take(8), false));
        return true; // BINFLOAT
      case 0x58:
        this.stack.push(this.text(this.data.getUint32(this.take(4), true)));
        return true; // BINUNICODE
      case 0x8c:
        this.stack.push(this.text(this.data.getUint8(this.take(1))));
        return true; // SHORT_BINUNICODE
      case 0x54:
        this.stack.push(this.text(this.data.getUint32(this.take(4), true)));
        return true; // BINSTRING
      case 0x55:
        this.stack.push(this.text(this.data.getUint8(this.take(1))));
        return true; // SHORT_BINSTRING
      default:
        return false;
    }
  }

  private memoStep(opcode: number): boolean {
    switch (opcode) {
      case 0x71:
        this.memo.set(this.data.getUint8(this.take(1)), this.top());
        return true; // BINPUT
      case 0x72:
        this.memo.set(this.data.getUint32(this.take(4), true), this.top());
        return true; // LONG_BINPUT
      case 0x94:
        this.memo.set(this.memo.size, this.top());
        return true; // MEMOIZE
      case 0x68:
        this.stack.push(this.recall(this.data.getUint8(this.take(1))));
        return true; // BINGET
      case 0x6a:
        this.stack.push(this.recall(this.data.getUint32(this.take(4), true)));
        return true; // LONG_BINGET
      default:
        return false;
    }
  }

  private container(opcode: number): boolean {
    switch (opcode) {
      case 0x74:
        this.stack.push(this.popToMark());
        return true; // TUPLE
      case 0x85:
      case 0x86:
      case 0x87:
        this.stack.push(this.popMany(opcode - 0x84));
        return true; // TUPLE1 to TUPLE3
      case 0x61:
        this.extend([this.pop()]);
        return true; // APPEND
      case 0x65:
        this.extend(this.popToMark());
        return true; // APPENDS
      case 0x73:
        this.assign(this.popMany(2));
        return true; // SETITEM
      case 0x75:
        this.assign(this.popToMark());
        return true; // SETITEMS
      default:
        return false;
    }
  }

  private pushGlobal(module: string, attribute: string): void {
    const name = `${module}.${attribute}`;
    if (!this.options.allowed(name)) {
      throw new AlbertineError('unsupported', `${this.options.file}: the pickle asks for ${name}`, {
        value: name,
        hint: 'Nothing was executed. Only plain tensors are read; save the weights as safetensors instead',
      });
    }
    this.stack.push(new PickleGlobal(name));
  }

  private reduce(): void {
    const args = this.pop();
    const callee = this.pop();
    if (!(callee instanceof PickleGlobal) || !Array.isArray(args)) this.fail('a call without a name');
    this.stack.push(this.options.call((callee as PickleGlobal).name, args as unknown[]));
  }

  private extend(items: unknown[]): void {
    const list = this.top();
    if (!Array.isArray(list)) this.fail('items appended to something that is not a list');
    for (const item of items) (list as unknown[]).push(item);
  }

  private assign(pairs: unknown[]): void {
    const map = this.top();
    if (!(map instanceof Map) || pairs.length % 2 !== 0) this.fail('items set on something that is not a dictionary');
    for (let i = 0; i < pairs.length; i += 2) (map as Map<unknown, unknown>).set(pairs[i], pairs[i + 1]);
  }

  /** A little-endian two's complement integer; a BigInt when a number cannot hold it. */
  private long(length: number): number | bigint {
    const start = this.take(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.bytes[start + i]);
    if (length > 0 && this.bytes[start + length - 1] & 0x80) value -= 1n << BigInt(8 * length);
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }

  private text(length: number): string {
    const start = this.take(length);
    return new TextDecoder().decode(this.bytes.subarray(start, start + length));
  }

  private line(): string {
    const end = this.bytes.indexOf(10, this.at);
    if (end < 0) this.fail('cut short');
    const line = new TextDecoder().decode(this.bytes.subarray(this.at, end));
    this.at = end + 1;
    return line;
  }

  /** Moves past `count` bytes and returns where they start. */
  private take(count: number): number {
    const start = this.at;
    if (start + count > this.bytes.length) this.fail('cut short');
    this.at += count;
    return start;
  }

  private pop(): unknown {
    if (this.stack.length === 0) this.fail('an empty stack');
    return this.stack.pop();
  }

  private popMany(count: number): unknown[] {
    if (this.stack.length < count) this.fail('an empty stack');
    return this.stack.splice(-count);
  }

  private popToMark(): unknown[] {
    const mark = this.stack.lastIndexOf(MARK);
    if (mark < 0) this.fail('no mark');
    return this.stack.splice(mark).slice(1);
  }

  private top(): unknown {
    if (this.stack.length === 0) this.fail('an empty stack');
    return this.stack[this.stack.length - 1];
  }

  private recall(index: number): unknown {
    if (!this.memo.has(index)) this.fail(`no memo ${index}`);
    return this.memo.get(index);
  }

  private fail(problem: string): never {
    throw new AlbertineError('invalid_file', `${this.options.file}: damaged pickle at byte ${this.at}: ${problem}`, {
      value: this.at,
    });
  }
}
