import type { CompileOptions } from '../runtime/compile.ts';
import type { EncoderBatch } from './batch.ts';
import type { Extended } from './extension-inputs.ts';
import type { LayerInt8 } from './layer-graphs.ts';
import type { QuantizationSite } from './network.ts';
import type { ActivationQuantization, Calibration } from './quantize.ts';

/** int8 weights of every layer; the float weights of their dense layers are then not needed. */
export interface EncoderInt8 {
  /** `layers[group * innerGroupNum + inner]` by dense name. */
  layers: LayerInt8['dense'][];
  /** How activations become bytes: see `QuantizeOptions.activations`. */
  activations: ActivationQuantization;
  /** Ranges of every executed layer; `static` and `mixed` need them, the others ignore them. */
  calibration?: Calibration | undefined;
}

/** Options of `AlbertEncoder.create`. */
export interface EncoderOptions extends CompileOptions {
  /** Runs dense layers on int8 weights. Default: as the checkpoint is stored. */
  int8?: EncoderInt8 | undefined;
  /**
   * Put between `AlbertEncoder.forward` and the network: a server joins the batches of several callers here.
   * Called once; batches are checked before what it returns sees them. Default: nothing.
   */
  wrapForward?: ((forward: Forward) => Forward) | undefined;
  /** Adapters in the layers, with their weights. Default: none. */
  extended?: Extended | undefined;
}

/** What to return besides the last hidden state. */
export interface ForwardRequest {
  /** Hidden states to return: 0 is the mapped embeddings, d the output of depth d. Default: only the last. */
  layers?: readonly number[] | 'all';
  /** Returns attention probabilities of every executed layer. Default false. */
  attentions?: boolean;
  /** Called with the inputs of the dense layers of every executed layer (calibration). */
  onSites?: (layer: number, sites: Record<QuantizationSite, Float32Array>) => void;
}

/** A pass of a batch through the network. */
export type Forward = (batch: EncoderBatch, request: ForwardRequest) => Promise<ForwardResult>;

/** Result of `AlbertEncoder.forward`; arrays are row-major and owned by the caller. */
export interface ForwardResult {
  /** `[batch, sequence, hidden]` of the last depth asked for. */
  lastHiddenState: Float32Array;
  /** Hidden states asked for, by depth: `[batch, sequence, hidden]`. */
  hiddenStates: Map<number, Float32Array>;
  /** Per executed layer `[batch, heads, query, key]`; empty unless asked for. */
  attentions: Float32Array[];
}
