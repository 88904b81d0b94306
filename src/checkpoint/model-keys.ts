/** Keys of `config.json` that this package adds to a fine-tuned model. */
export const MODEL_KEYS = {
  task: 'albertine_task',
  maxLength: 'albertine_max_length',
  pairs: 'albertine_pairs',
  temperature: 'albertine_temperature',
} as const;
