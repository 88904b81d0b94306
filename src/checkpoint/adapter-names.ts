/* Files of an adapter's folder: the first two are those of Python's peft. */
export const ADAPTER_CONFIG = 'adapter_config.json';
export const ADAPTER_WEIGHTS = 'adapter_model.safetensors';
/** What peft has no place for: sizes, labels, the base's fingerprint. */
export const ADAPTER_DETAILS = 'albertine.json';
