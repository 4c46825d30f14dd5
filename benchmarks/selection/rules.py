"""The rules that are compared: which config to trust, whom to average, what to smooth with. None reads a test score."""

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from benchmarks.selection.evidence import Evidence, Filtered, Floats, Models

Value = Callable[[Sequence[int]], float]
PER_FAMILY = 3
"""Configs of a family that are re-evaluated, unless their number is the question."""


def folds_of(e: Evidence) -> dict[str, list[int]]:
    """The folds that may decide; the first one is the search's."""
    return {"fold 1": [0], "folds 2 to k": list(range(1, e.n_folds)), "folds 1 to k": list(range(e.n_folds))}


def single(e: Evidence) -> Iterator[tuple[str, Models]]:
    """One config among all, unsmoothed."""
    for which, folds in folds_of(e).items():
        for metric in ("kappa", "oa", "aa", "loss"):
            yield f"mean {metric}, {which}", plain([int(e.single[metric][:, folds].mean(axis=1).argmax())])
        if len(folds) > 1:
            kappa = e.single["kappa"][:, folds]
            lower = kappa.mean(axis=1) - kappa.std(axis=1, ddof=1) / math.sqrt(len(folds))
            yield f"lower end of kappa, {which}", plain([int(lower.argmax())])
            pooled = [e.pooled(i, folds) for i in range(len(e.families))]
            yield f"pooled kappa, {which}", plain([int(np.argmax(pooled))])


def reevaluations(e: Evidence) -> Iterator[tuple[str, Models]]:
    """How many configs of how many families are re-evaluated; mean kappa over folds 2 to k decides."""
    for n in (1, 2, 3, 5, 99):
        for families in (3, 99):
            words = f"{'all' if n == 99 else n} a family of {'all' if families == 99 else families}, and presets"
            yield words, plain([heads(e, n, families)[0]])


def smoothing(e: Evidence) -> Iterator[tuple[str, Models]]:
    """The best config with a filter that is chosen by each rule."""
    best = heads(e)[0]
    for rule in FILTER_RULES:
        yield rule, {best: filter_by(e, rule, best)}
    order = {rule: smoothed_heads(e, rule) for rule in ("best mean", "widest guided")}
    for rule, models in order.items():
        yield f"{rule}, then the best of all families", dict([next(iter(models.items()))])


def members(e: Evidence) -> Iterator[tuple[str, Models]]:
    """Whom a mean averages, unsmoothed: each family's best, or all configs (selection with replacement)."""
    folds, own = folds_of(e)["folds 2 to k"], heads(e)
    kappa, loss = e.mean_score(folds, "kappa"), e.mean_score(folds, "loss")
    yield "the best alone", plain(own[:1])
    yield "all families", plain(own)
    for n in (2, 3, 4):
        yield f"best {n} families", plain(own[:n])
    for margin in (0.03, 0.05, 0.1, 0.2):
        yield f"families within {margin} of the best", plain(near(e, own, margin))
    yield "each that does not lower kappa", plain(grown(own, kappa))
    yield "each that does not lower log loss", plain(grown(own, loss))
    some = reevaluated(e, PER_FAMILY, 99)
    yield "greedy with replacement, kappa", greedy(some, kappa)
    yield "greedy with replacement, log loss", greedy(some, loss)


def ensembles(e: Evidence, n: int = PER_FAMILY) -> Iterator[tuple[str, Models]]:
    """The best alone and means of smoothed members, of each family one of `n`, and which of them is taken."""
    models = smoothed_heads(e, "best mean", n)
    at = {i: float(np.mean(e.on_folds({i: name}))) for i, name in models.items()}
    first = next(iter(models))
    close = {i: name for i, name in models.items() if at[i] >= at[first] - 0.1}
    alone = {first: models[first]}
    yield "the best alone", alone
    yield "all families", models
    yield "best 3 families", dict(list(models.items())[:3])
    yield "families within 0.1 of the best", close
    gain = e.on_folds(close) - e.on_folds(alone)
    error = gain.std(ddof=1) / math.sqrt(len(gain)) if len(gain) > 1 else 0.0
    yield "within 0.1, if its mean is higher", close if gain.mean() > 0 else alone
    yield "within 0.1, if better beyond the noise", close if gain.mean() > error else alone
    yield "within 0.1, unless worse beyond the noise", close if gain.mean() >= -error else alone
    for lead in (0.03, 0.05, 0.06):
        yield f"within 0.1, unless worse by more than {lead}", close if gain.mean() >= -lead else alone


FILTER_RULES = ("none", "majority", "widest guided", "best mean", "best mean, if beyond the noise")


def filter_by(e: Evidence, rule: str, i: int) -> str:
    """The filter of config `i` among those that the buffer allows."""
    allowed = e.allowed(i)
    if rule in ("none", "majority"):
        return "majority 2" if rule == "majority" and "majority 2" in allowed else "none"
    if rule == "widest guided":
        return next(name for name in ("guided 4", "guided 2", "none") if name in allowed)
    of_folds = {name: e.on_folds({i: name}) for name in allowed}
    best = max(allowed, key=lambda name: float(of_folds[name].mean()))
    gain = of_folds[best] - of_folds["none"]
    error = gain.std(ddof=1) / math.sqrt(len(gain)) if len(gain) > 1 else 0.0
    return best if rule == "best mean" or gain.mean() > error else "none"


def smoothed_heads(e: Evidence, rule: str, n: int = PER_FAMILY) -> Filtered:
    """Each family's best with its filter, best first."""
    models = {i: filter_by(e, rule, i) for i in heads(e, n)}
    return dict(sorted(models.items(), key=lambda one: -float(np.mean(e.on_folds(dict([one]))))))


def reevaluated(e: Evidence, n: int, families: int) -> list[int]:
    """The best `n` of each of the best families by the search's fold, and these families' presets."""
    order = np.argsort(-e.single["kappa"][:, 0], kind="stable").tolist()
    names = list(dict.fromkeys(e.families[i] for i in order))[:families]
    some = {i for f in names for i in [j for j in order if e.families[j] == f][:n]}
    return sorted(some | {i for i, preset in enumerate(e.presets) if preset and e.families[i] in names})


def heads(e: Evidence, n: int = PER_FAMILY, families: int = 99) -> list[int]:
    """The best re-evaluated config of each family by mean kappa over folds 2 to k, best first."""
    score: Floats = e.single["kappa"][:, 1 : e.n_folds].mean(axis=1)
    order = sorted(reevaluated(e, n, families), key=lambda i: -score[i])
    first: dict[str, int] = {}
    for i in order:
        first.setdefault(e.families[i], i)
    return list(first.values())


def near(e: Evidence, own: Sequence[int], margin: float) -> list[int]:
    score: Floats = e.single["kappa"][:, 1 : e.n_folds].mean(axis=1)
    return [i for i in own if score[i] >= score[own[0]] - margin]


def grown(own: Sequence[int], value: Value) -> list[int]:
    chosen = [own[0]]
    for i in own[1:]:
        if value([*chosen, i]) >= value(chosen):
            chosen.append(i)
    return chosen


def greedy(some: Sequence[int], value: Value, rounds: int = 15) -> Models:
    """Caruana et al., ICML 2004; the best of all rounds. A config that stands twice counts twice."""
    chosen: list[int] = []
    found: list[tuple[float, list[int]]] = []
    for _ in range(rounds):
        at, chosen = max((value([*chosen, i]), [*chosen, i]) for i in some)
        found.append((at, chosen))
    return tuple(max(found, key=lambda one: one[0])[1])


def plain(some: Sequence[int]) -> Filtered:
    return dict.fromkeys(some, "none")
