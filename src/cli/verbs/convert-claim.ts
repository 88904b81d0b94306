import type { ConvertFlags } from './convert.ts';
import { claimOutput, requireNewFolder, withClaimedFolder } from '../streams/output-claim.ts';

/**
 * Runs a conversion into a folder, or into an `.onnx` file, that is new or may be replaced, is not what is read, and
 * that nobody else writes.
 */
export async function claimConversion(
  model: string | undefined,
  flags: ConvertFlags & { sample?: string },
  work: () => Promise<void>,
): Promise<void> {
  const { output, overwrite, sample } = flags;
  const inputs = [model, sample];
  if (!(flags.to === 'onnx' && output.endsWith('.onnx'))) {
    requireNewFolder(output, { overwrite, file: 'config.json', what: 'a checkpoint' });
    return await withClaimedFolder(output, inputs, work);
  }
  // The exporter writes under names of its own and replaces when it is done; what is claimed is the place.
  const claimed = await claimOutput(output, { inputs, overwrite });
  try {
    await work();
  } finally {
    await claimed.abandon({ keep: false });
  }
}
