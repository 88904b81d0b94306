/**
 * Stands in for `onnxruntime-node` (see `imports` in package.json) where something other than Node runs or bundles this package, so that
 * no bundler follows it to its binaries.
 */
export const InferenceSession = undefined;
