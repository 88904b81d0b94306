"""Optuna's TPE for `samplers.ts`: a space on the first line of standard input, then a setting a line out, its loss a line in."""

import json
import sys
import warnings

import optuna

warnings.simplefilter("ignore")
optuna.logging.set_verbosity(optuna.logging.ERROR)


def suggest(trial, space):
    values = {}
    for name, p in space.items():
        if any(values.get(other) not in allowed for other, allowed in p.get("when", {}).items()):
            continue
        if p["kind"] == "choice":
            values[name] = trial.suggest_categorical(name, p["choices"])
        else:
            ask = trial.suggest_int if p["kind"] == "int" else trial.suggest_float
            values[name] = ask(name, p["low"], p["high"], log=p.get("log", False))
    return values


def main():
    task = json.loads(sys.stdin.readline())
    multivariate = task["multivariate"]
    sampler = optuna.samplers.TPESampler(seed=task["seed"], multivariate=multivariate, group=multivariate)
    study = optuna.create_study(sampler=sampler)
    for _ in range(task["trials"]):
        trial = study.ask()
        print(json.dumps(suggest(trial, task["space"])), flush=True)
        study.tell(trial, float(sys.stdin.readline()))


main()
