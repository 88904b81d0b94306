/** The vectors of an index in float32, `[chunks, dimensions]`. */
export const VECTORS = 'vectors.npy';
