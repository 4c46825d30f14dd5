"""What may be said about labels that were asked for: how many, and what choosing them was worth."""

import math

import pyarrow as pa

from hsiauto.leaderboard.summary import Row
from hsiauto.metrics import paired


def label_statement(table: pa.Table, n_pool: int) -> list[str]:
    """Sentences: labels counted, and the winner against its control, random labels. Empty where all were known."""
    rows = [row for row in table.to_pylist() if row["acquisition"] and row["test_oa"] is not None]
    winner = [row for row in rows if row["rank"] == 1]
    if not winner:
        return []
    labels, how = winner[0]["labels_train"], winner[0]["acquisition"]
    total = f"{labels} labels were asked for by {how}, out of a pool of {n_pool} ({100 * labels / n_pool:.1f} %)."
    control = [r for r in rows if r["rank"] is None and r["config_hash"] == winner[0]["config_hash"]]
    return [total, _against_random(winner, control)] if control else [total]


def _against_random(winner: list[Row], control: list[Row]) -> str:
    """Paired over seeds: the same seed starts from the same labels and the same weights."""
    chosen, random = ({row["seed"]: row["test_oa"] for row in of} for of in (winner, control))
    seeds = sorted(chosen.keys() & random.keys())
    if not seeds:
        return "No seed was trained on as many random labels too."
    pair = paired([chosen[seed] for seed in seeds], [random[seed] for seed in seeds])
    against = f"Against as many random labels: {100 * pair.mean:+.2f} points of OA"
    if math.isnan(pair.p):
        return f"{against} over {pair.n} seed{'s' if pair.n > 1 else ''}, which says nothing about chance."
    verdict = "more than chance" if pair.low > 0 or pair.high < 0 else "within chance"
    return (
        f"{against} (95 % interval {100 * pair.low:+.2f} to {100 * pair.high:+.2f}, paired over {pair.n} seeds, "
        f"p = {pair.p:.2g}): {verdict}; another split may turn it round."
    )
