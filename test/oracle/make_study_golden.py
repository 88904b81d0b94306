"""Writes goldens/study.json: what Optuna makes of fixed histories of trials.

For each history: which trials its TPE takes for good ones, the log densities of both Parzen estimators at given points (each parameter
by itself, and all together), and PED-ANOVA importance. Then hypervolumes, and for given evaluations what its pruners decide.
Run from the repository root, with optuna 5.0.0: python3 test/oracle/make_study_golden.py
"""

import json
import math
import os
import random
import warnings

import numpy as np
import optuna
from optuna._hypervolume import compute_hypervolume
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.importance import PedAnovaImportanceEvaluator
from optuna.samplers import TPESampler
from optuna.samplers._tpe.sampler import _split_trials, default_gamma, default_gamma_multiobjective
from optuna.trial import TrialState, create_trial

warnings.simplefilter("ignore")
optuna.logging.set_verbosity(optuna.logging.ERROR)
# Of equal observations numpy's default order, and with it which of them has which width, depends on the processor.
unstable = np.argsort
np.argsort = lambda values, **options: unstable(values, **{"kind": "stable", **options})

SPACE = {
    "x": FloatDistribution(-2, 3),
    "rate": FloatDistribution(1e-5, 1e-1, log=True),
    "stepped": FloatDistribution(0, 1, step=0.125),
    "size": IntDistribution(4, 40),
    "even": IntDistribution(2, 20, step=2),
    "width": IntDistribution(1, 256, log=True),
    "kind": CategoricalDistribution(["a", "b", "c"]),
}
OURS = {
    "x": {"kind": "float", "low": -2, "high": 3},
    "rate": {"kind": "float", "low": 1e-5, "high": 1e-1, "log": True},
    "stepped": {"kind": "float", "low": 0, "high": 1, "step": 0.125},
    "size": {"kind": "int", "low": 4, "high": 40},
    "even": {"kind": "int", "low": 2, "high": 20, "step": 2},
    "width": {"kind": "int", "low": 1, "high": 256, "log": True},
    "kind": {"kind": "choice", "choices": ["a", "b", "c"]},
}


def draw(chance, names):
    values = {
        "x": chance.uniform(-2, 3),
        "rate": 10 ** chance.uniform(-5, -1),
        "stepped": chance.randint(0, 8) / 8,
        "size": chance.randint(4, 40),
        "even": 2 * chance.randint(1, 10),
        "width": round(math.exp(chance.uniform(0, math.log(256)))),
        "kind": chance.choice("abc"),
    }
    return {name: values[name] for name in names}


def objective(values):
    return (
        (values["x"] - 1) ** 2
        + (math.log10(values["rate"]) + 3) ** 2
        + values["stepped"] * 0.3
        + abs(values["size"] - 20) / 30
        + (0.5 if values["kind"] == "b" else 0)
        + values["width"] / 300
    )


def trials_of(seed, count, directions, pruned=0, conditional=False, ties=False):
    chance = random.Random(seed)
    out = []
    for number in range(count):
        full = draw(chance, SPACE)
        # As a condition has it: "stepped" belongs to kind a only.
        values = {k: v for k, v in full.items() if not (conditional and k == "stepped" and full["kind"] != "a")}
        loss = objective(full)
        if ties:
            loss = round(loss, 0)
        objectives = [loss] if len(directions) == 1 else [loss, full["width"] / 256 + full["size"] / 50, full["x"]][: len(directions)]
        objectives = [-v if d == "maximize" else v for v, d in zip(objectives, directions)]
        is_pruned = number % 3 == 1 and pruned > 0
        pruned -= is_pruned
        evaluations = [{"at": at, "value": objectives[0] + 1 / at} for at in range(1, 2 + chance.randint(0, 3))]
        out.append(
            {
                "number": number,
                "values": values,
                "state": "pruned" if is_pruned else "complete",
                **({} if is_pruned else {"objectives": objectives}),
                "evaluations": evaluations,
            }
        )
    return out


def study_of(trials, directions):
    study = optuna.create_study(directions=directions, sampler=TPESampler(seed=0))
    for trial in trials:
        study.add_trial(
            create_trial(
                params=trial["values"],
                distributions={name: SPACE[name] for name in trial["values"]},
                state=TrialState.PRUNED if trial["state"] == "pruned" else TrialState.COMPLETE,
                values=trial.get("objectives"),
                intermediate_values={e["at"]: e["value"] for e in trial["evaluations"]} if len(directions) == 1 else {},
            )
        )
    return study


def history(seed, count, directions, **more):
    trials = trials_of(seed, count, directions, **more)
    study = study_of(trials, directions)
    sampler = study.sampler
    gamma = default_gamma if len(directions) == 1 else default_gamma_multiobjective
    below, above = _split_trials(study, study.trials, gamma(len(trials)))
    chance = random.Random(seed + 1000)
    points = [draw(chance, SPACE) for _ in range(6)]
    densities = {}
    together = [n for n in SPACE if all(n in t["values"] for t in trials)]
    for label, names in [*((name, [name]) for name in SPACE), ("together", together)]:
        space = {name: SPACE[name] for name in names}
        internal = {name: np.array([space[name].to_internal_repr(point[name]) for point in points]) for name in names}
        densities[label] = [
            sampler._build_parzen_estimator(study, space, part, handle_below=low).log_pdf(internal).tolist()
            for part, low in ((below, True), (above, False))
        ]
    importance = PedAnovaImportanceEvaluator().evaluate(study)
    return {
        "directions": directions,
        "trials": trials,
        "good": [t.number for t in below],
        "points": points,
        "together": together,
        "densities": densities,
        "importance": importance,
    }


def pruning(seed, pruner_of, direction, count, steps, names=None):
    """Trials one after the other; each is evaluated until the pruner ends it."""
    chance = random.Random(seed)
    pruner = pruner_of()
    study = optuna.create_study(direction=direction, pruner=pruner, study_name="golden", sampler=optuna.samplers.RandomSampler(seed=0))
    out, brackets = [], []
    for number in range(count):
        level, curve, decisions = chance.uniform(0, 1), [], []
        trial = study.ask()
        for at in range(1, steps + 1):
            value = level + 1 / at + chance.uniform(-0.2, 0.2)
            if chance.random() < 0.03:
                value = float("nan")
            if direction == "maximize":
                value = -value
            trial.report(value, at)
            curve.append(None if math.isnan(value) else value)
            decisions.append(bool(trial.should_prune()))
            if decisions[-1]:
                break
        brackets.append(pruner._get_bracket_id(study, trial) if hasattr(pruner, "_get_bracket_id") else 0)
        if decisions[-1]:
            study.tell(trial, state=TrialState.PRUNED)
        else:
            study.tell(trial, level if direction == "minimize" else -level)
        out.append({"values": curve, "decisions": decisions})
    return {"direction": direction, "trials": out, "brackets": brackets}


def main():
    asha = lambda: optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=3)
    asha2 = lambda: optuna.pruners.SuccessiveHalvingPruner(min_resource=2, reduction_factor=2)
    median = lambda: optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=0)
    late = lambda: optuna.pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=4)
    band = lambda: optuna.pruners.HyperbandPruner(min_resource=1, max_resource=12, reduction_factor=3)
    rows = np.random.RandomState(3).uniform(0, 1, size=(4, 9, 3))
    result = {
        "optuna": optuna.__version__,
        "space": OURS,
        "histories": [
            history(1, 12, ["minimize"]),
            history(2, 40, ["maximize"], pruned=8),
            history(3, 75, ["minimize"], conditional=True),
            history(4, 120, ["minimize"], pruned=30),
            history(5, 60, ["minimize", "minimize"]),
            history(6, 90, ["maximize", "minimize"], conditional=True),
            history(7, 50, ["minimize", "maximize", "minimize"]),
            history(8, 24, ["minimize"], pruned=99, ties=True),
        ],
        "hypervolumes": [{"rows": r.tolist(), "volume": float(compute_hypervolume(r, np.ones(3) * 1.1))} for r in rows],
        "pruners": [
            {"options": {"pruner": "median"}, **pruning(1, median, "minimize", 30, 9)},
            {"options": {"pruner": "median", "pruneAfterTrials": 3, "minEvaluations": 4}, **pruning(2, late, "maximize", 25, 9)},
            {"options": {"pruner": "asha"}, **pruning(3, asha, "minimize", 40, 12)},
            {"options": {"pruner": "asha", "minEvaluations": 2, "reductionFactor": 2}, **pruning(4, asha2, "maximize", 40, 12)},
            {"options": {"pruner": "hyperband", "maxEvaluations": 12}, **pruning(5, band, "minimize", 60, 12)},
        ],
    }
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "goldens", "study.json"), "w", encoding="utf-8") as file:
        json.dump(result, file, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
