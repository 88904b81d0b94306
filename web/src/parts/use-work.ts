import { useCallback, useEffect, useRef, useState } from 'preact/hooks';

/** Something that is asked for, one at a time. */
export interface Work<T> {
  busy: boolean;
  /** The last answer; stays while the next is awaited. */
  value: T | undefined;
  error: Error | undefined;
  /** Starts; what was under way is given up. */
  start: (work: (signal: AbortSignal) => Promise<T>) => void;
  cancel: () => void;
}

interface State<T> {
  busy: boolean;
  value: T | undefined;
  error: Error | undefined;
}

/** Keeps the state of something that is asked for. */
export function useWork<T>(): Work<T> {
  const [state, setState] = useState<State<T>>({ busy: false, value: undefined, error: undefined });
  const current = useRef<AbortController>(undefined);
  const cancel = useCallback(() => {
    current.current?.abort();
    current.current = undefined;
    setState((before) => ({ ...before, busy: false }));
  }, []);
  const start = useCallback((work: (signal: AbortSignal) => Promise<T>) => {
    current.current?.abort();
    const controller = new AbortController();
    current.current = controller;
    setState((before) => ({ ...before, busy: true, error: undefined }));
    void work(controller.signal).then(
      (value) => {
        if (current.current === controller) setState({ busy: false, value, error: undefined });
      },
      (error: unknown) => {
        if (current.current === controller) setState({ busy: false, value: undefined, error: error as Error });
      },
    );
  }, []);
  useEffect(() => () => current.current?.abort(), []);
  return { ...state, start, cancel };
}
