import { AlbertineError } from '../core/errors.ts';
import type { CompileOptions } from './compile.ts';
import { DEVICE_NAMES, DEVICE_NEEDS } from './devices.ts';
import { quietBeside, type Ort } from './ort.ts';
import type { RunnableSession, SessionHost } from './sessions.ts';
import { defaultThreads } from './threads.ts';

/** Longer gains nothing on idle cores, and where others use them it costs twice the time (ONNX Runtime's 1,000). */
const SPIN_MICROSECONDS = '20';

/** Makes a session of a serialised model. Throws `runtime_unavailable` where the device is not there, else `runtime_failed`. */
export async function createSession(
  ort: Ort,
  bytes: Uint8Array,
  options: CompileOptions & { weightFolder: string | undefined },
): Promise<RunnableSession> {
  const host = options.sessions ?? (ort.InferenceSession as SessionHost);
  const {
    threads = defaultThreads(),
    device = 'cpu',
    cpuFallback = true,
    optimization = 'all',
    arena = true,
    spinning = true,
    prepack = true,
  } = options;
  quietBeside(ort, device);
  try {
    return await host.create(bytes, {
      executionProviders: [device],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: optimization,
      // A memory pattern is planned and kept for every distinct shape; real texts have thousands.
      enableMemPattern: false,
      enableCpuMemArena: arena,
      logSeverityLevel: 3,
      ...(options.deviceOutputs && {
        preferredOutputLocation: Object.fromEntries(options.deviceOutputs.map((name) => [name, 'gpu-buffer' as const])),
      }),
      extra: {
        session: {
          intra_op: { allow_spinning: spinning ? '1' : '0', spin_duration_us: SPIN_MICROSECONDS },
          // Several sessions whose threads are awake between runs fight for the cores.
          force_spinning_stop: '1',
          disable_prepacking: prepack ? '0' : '1',
          ...(!cpuFallback && { disable_cpu_ep_fallback: '1' }),
          ...(options.weightFolder !== undefined && {
            model_external_initializers_file_folder_path: options.weightFolder,
          }),
        },
      },
    });
  } catch (cause) {
    if (cause instanceof AlbertineError) throw cause;
    const reason = cause instanceof Error ? cause.message.slice(0, 500) : String(cause);
    if (device !== 'cpu' && NO_DEVICE.test(reason))
      throw new AlbertineError('runtime_unavailable', `no ${DEVICE_NAMES[device]} device was found`, {
        value: reason,
        cause,
        hint: `${DEVICE_NEEDS[device]} Or use the device cpu.`,
      });
    throw new AlbertineError('runtime_failed', `ONNX Runtime rejected the graph: ${reason}`, { cause });
  }
}

/** What ONNX Runtime says on a machine without a usable driver, or without the provider. */
const NO_DEVICE = /Failed to get a WebGPU (adapter|device)|backend not found|Failed to load (shared )?library/;
