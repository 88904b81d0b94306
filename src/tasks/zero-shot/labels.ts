const ENTAILED = /^(entail(s|ment|ed)?|yes|true|蕴含)$/i;
const CONTRADICTED = /^(contradict(s|ion|ory)?|not[_ -]?entail(ment|ed)?|no|false|矛盾)$/i;

/** Which of a classifier's labels says that the second text follows from the first, and which that it does not. */
export function inferenceLabels(labels: readonly string[]): {
  entailment: number | undefined;
  contradiction: number | undefined;
} {
  const place = (pattern: RegExp): number | undefined => {
    const found = labels.findIndex((label) => pattern.test(label));
    return found < 0 ? undefined : found;
  };
  return { entailment: place(ENTAILED), contradiction: place(CONTRADICTED) };
}
