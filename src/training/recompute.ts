import { sameShape } from '../graph/dims.ts';
import type { GraphNode, Tensor } from '../graph/graph.ts';

/** What a backward pass gets from the forward pass, and what it computes again. */
export interface RecomputationPlan {
  /** Results of the forward pass to keep. */
  saved: readonly Tensor[];
  /** Nodes of the forward pass to run again, in order; they read only saved, given and recomputed tensors. */
  nodes: readonly GraphNode[];
}

const PRODUCTS: ReadonlySet<string> = new Set(['Gemm', 'MatMul', 'FusedMatMul']);
const LAYOUT: ReadonlySet<string> = new Set(['Reshape', 'Transpose']);

/**
 * Keeps the results of matrix products and computes everything between them again: activations, LayerNorm and softmax
 * take a few percent of the time of a layer and more than half of its memory. Scores and probabilities of attention,
 * which grow with the square of the sequence, are not kept either, as in FlashAttention (Dao et al. 2022). `reads` are
 * the tensors that the backward pass reads, `given` those it has anyway (inputs and the output).
 */
export function planRecomputation(
  forward: readonly GraphNode[],
  reads: ReadonlySet<Tensor>,
  given: ReadonlySet<Tensor>,
): RecomputationPlan {
  const keep = new Set<Tensor>();
  for (;;) {
    const plan = planKeeping(keep, { forward, reads, given });
    const later = laterResult(plan, reads);
    if (!later) return plan;
    keep.add(later);
  }
}

function planKeeping(
  keep: ReadonlySet<Tensor>,
  { forward, reads, given }: { forward: readonly GraphNode[]; reads: ReadonlySet<Tensor>; given: ReadonlySet<Tensor> },
): RecomputationPlan {
  const maker = new Map(forward.flatMap((node) => node.outputs.map((output) => [output, node] as const)));
  const [saved, again] = [new Set<Tensor>(), new Set<GraphNode>()];
  const visit = (tensor: Tensor | undefined): void => {
    const node = tensor && maker.get(tensor);
    if (!node || given.has(tensor) || again.has(node)) return;
    // A node one of whose results is there already must not make it a second time.
    if (keep.has(tensor) || isExpensive(node) || node.outputs.some((output) => given.has(output))) {
      saved.add(tensor);
      return;
    }
    again.add(node);
    node.inputs.forEach(visit);
  };
  reads.forEach(visit);
  return { saved: [...saved], nodes: forward.filter((node) => again.has(node)) };
}

/** A product, unless its result has more open dimensions than its factors: such a one outgrows them. */
function isExpensive({ operator, inputs, outputs: [result] }: GraphNode): boolean {
  const open = ({ shape }: Tensor): number => shape.filter((dim) => typeof dim === 'string').length;
  return PRODUCTS.has(operator) && open(result) <= Math.max(...inputs.map((input) => (input ? open(input) : 0)));
}

/** A recomputed tensor to be saved in place of its input: of equal size, and that input has no other reader. */
function laterResult({ saved, nodes }: RecomputationPlan, reads: ReadonlySet<Tensor>): Tensor | undefined {
  for (const tensor of saved) {
    const [reader, ...others] = nodes.filter(({ inputs }) => inputs.includes(tensor));
    if (!reader || others.length > 0 || reads.has(tensor) || reader.outputs.length > 1) continue;
    const [result] = reader.outputs;
    if (LAYOUT.has(reader.operator) || sameShape(result.shape, tensor.shape)) return result;
  }
  return undefined;
}
