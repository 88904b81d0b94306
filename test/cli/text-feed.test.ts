import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { untilAborted } from '../../src/cli/streams/text-feed.ts';

describe('untilAborted', () => {
  it('hands items on, and stops waiting for the next one when the signal is aborted', async () => {
    const controller = new AbortController();
    async function* slow(): AsyncGenerator<number> {
      yield 1;
      await new Promise(() => undefined);
    }
    const items: number[] = [];
    const reading = (async () => {
      for await (const item of untilAborted(slow(), controller.signal)) items.push(item);
    })();
    await setImmediate();
    controller.abort(new Error('enough'));
    await expect(reading).rejects.toThrow('enough');
    expect(items).toEqual([1]);
    await expect(untilAborted(slow(), controller.signal)[Symbol.asyncIterator]().next()).rejects.toThrow('enough');
  });

  it('passes on errors of the source', async () => {
    // eslint-disable-next-line require-yield
    async function* broken(): AsyncGenerator<number> {
      throw new Error('no file');
    }
    await expect(untilAborted(broken(), new AbortController().signal)[Symbol.asyncIterator]().next()).rejects.toThrow(
      'no file',
    );
  });

  it('keeps none of the items that were taken', async () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    async function* many(): AsyncGenerator<object> {
      for (let i = 0; i < 500; i++) yield { i };
    }
    const { signal } = new AbortController();
    const taken: WeakRef<object>[] = [];
    const items = untilAborted(many(), signal);
    for await (const item of items) taken.push(new WeakRef(item));
    await setImmediate();
    collectGarbage();
    expect(taken).toHaveLength(500);
    expect(taken.filter((item) => item.deref() !== undefined).length).toBeLessThan(5);
    expect([signal.aborted, items]).toEqual([false, expect.anything()]);
  });
});
