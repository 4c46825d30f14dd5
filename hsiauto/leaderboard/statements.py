"""What may be said about the winner, and about labels that were asked for, in sentences."""

import math
import statistics
from collections.abc import Sequence

import pyarrow as pa

from hsiauto.leaderboard.summary import CANARY, Row, Spread, SummaryRow, held_out, own_split, summary, value
from hsiauto.metrics import ROUNDING, paired
from hsiauto.split.distance import IN_ANOTHER_SCENE, statement

NO_PLACES = "Spectra without places: scores hold for other groups of the same kind, and say nothing about a map"
"""Of protocol spectra."""


def winner_statement(table: pa.Table) -> list[str]:
    """Sentences: the winner against the runner-up, over further splits, on the map, against the canary. Empty without a
    winner."""
    lines = summary(table)
    winner = next((line for line in lines if line.rank == 1 and line.n_seeds), None)
    if winner is None:
        return []
    oa, allowed, protocol = winner.test_oa, winner.test_oa_interval, table["protocol"][0].as_py()
    alike = "those of one group" if protocol in ("groups", "spectra") else "neighbours"
    said = [f"The winner is {winner.family}: test OA {_percent(oa)} over {_count(oa.n, 'seed')}."]
    if not math.isnan(allowed.low):
        ends = f"{100 * allowed.low:.1f} to {100 * allowed.high:.1f} %"
        said.append(
            f"{_pixels([winner.pixels_test])} allow {ends} (95 %, Wilson) if they are independent; {alike} are not, so "
            "less is known."
        )
    runner_up = next((line for line in lines if line.rank is not None and line.rank > 1 and line.n_seeds), None)
    if runner_up is not None:
        said.append(_against(winner, runner_up, own_split(table.to_pylist())))
    said += _further(table.to_pylist())
    said += _of_map([row for row in own_split(table.to_pylist()) if row["rank"] == 1])
    canary = next((line for line in lines if line.family == CANARY and line.n_seeds), None)
    if canary is not None:
        said.append(_canary(winner, canary, protocol))
    return [*said, f"{NO_PLACES}."] if protocol == "spectra" else said


def distance_statement(table: pa.Table) -> str:
    """What the accuracies of the run's own split are accuracies of; empty if that is not known."""
    rows = (row for row in own_split(table.to_pylist()) if row["test_distance_max"] is not None)
    row = next(rows, None)
    if any(row["scene"] for row in own_split(table.to_pylist())):
        return IN_ANOTHER_SCENE
    places = ("test_distance_min", "test_distance_max", "map_distance_median")
    return "" if row is None else statement(*(row[name] for name in places))


def classes_statement(table: pa.Table) -> str:
    """How many classes the choice was blind for; empty if for none, or if nothing was chosen."""
    winner = next((row for row in table.to_pylist() if row["rank"] == 1 and row["classes_validated"] is not None), None)
    if winner is None or winner["classes_validated"] >= winner["classes_scored"]:
        return ""
    seen = f"{winner['classes_validated']} of the {winner['classes_scored']} classes"
    return f"the folds that decided hold {seen}: the others had no part in the choice"


def label_statement(table: pa.Table, n_pool: int) -> list[str]:
    """Sentences: labels counted, and the winner against its control, random labels. Empty if all were known."""
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
    judged = "more than chance" if pair.low > 0 or pair.high < 0 else "within chance"
    return (
        f"{against} (95 % interval {100 * pair.low:+.2f} to {100 * pair.high:+.2f}, paired over {pair.n} seeds, "
        f"p = {pair.p:.2g}): {judged}; another split may turn it round."
    )


def _against(winner: SummaryRow, other: SummaryRow, rows: Sequence[Row]) -> str:
    """Paired over the seeds that both were trained with."""
    of = {line.config_hash: _by_seed(rows, line.config_hash) for line in (winner, other)}
    seeds = sorted(of[winner.config_hash].keys() & of[other.config_hash].keys())
    name = f"Against the runner-up, {other.family}"
    if not seeds:
        return f"{name}, no seed was trained with both."
    pair = paired([of[winner.config_hash][s] for s in seeds], [of[other.config_hash][s] for s in seeds])
    if pair.n == 1:
        return f"{name}: {_points(pair.mean)} points of OA on one seed, which says nothing about chance."
    if math.isnan(pair.p):
        constant = winner.test_oa.std < ROUNDING and other.test_oa.std < ROUNDING
        why = "neither depends on the seed" if constant else "both vary alike"
        return (
            f"{name}: {_points(pair.mean)} points of OA on each of {pair.n} seeds; {why}, so there is no interval: "
            "another split may turn it round."
        )
    judged = "more than chance" if pair.low > 0 or pair.high < 0 else "within chance"
    return (
        f"{name}: {_points(pair.mean)} points of OA (95 % interval {_points(pair.low)} to {_points(pair.high)}, paired "
        f"over {pair.n} seeds, p = {pair.p:.2g}): {judged} of training; another split may turn it round."
    )


def _further(everything: Sequence[Row]) -> list[str]:
    winner = next((row for row in everything if row["rank"] == 1 and row["further_splits_oa_n"]), None)
    if winner is None:
        return []
    if winner["scenes_oa_n"]:
        spread = Spread(winner["scenes_oa_mean"], value(winner, "scenes_oa_std"), winner["scenes_oa_n"])
        one_by_one = ", ".join(f"{row['scene']} {100 * row['test_oa']:.2f} %" for row in held_out(everything))
        return [f"Each scene held out once, its config has test OA {_percent(spread)}: {one_by_one}."]
    same = (row for row in everything if row["config_hash"] == winner["config_hash"] and row["test_oa"] is not None)
    sizes = [row["pixels_test"] or 0 for row in same if row["split_seed"] != winner["split_seed"]]
    n = winner["further_splits_oa_n"]
    spread = Spread(winner["further_splits_oa_mean"], value(winner, "further_splits_oa_std"), n)
    of = f", of {_pixels(sizes)} each" if sizes else ""
    return [f"On {_count(n, 'further split')} its config has test OA {_percent(spread)}{of}."]


def _of_map(winner: Sequence[Row]) -> list[str]:
    """The expected accuracy of its map; the mean over its seeds, which share pixels, also of the ends."""
    shares = [row["map_share_applicable"] for row in winner if row["map_share_applicable"] is not None]
    applicable = [applicability_statement(shares[0])] if shares else []
    rows = [row for row in winner if row["map_oa"] is not None]
    if not rows:
        return applicable
    oa, low, high, beyond = (
        100 * statistics.fmean(row[name] for row in rows)
        for name in ("map_oa", "map_oa_low", "map_oa_high", "map_share_beyond")
    )
    said = (
        f"Expected accuracy of the map: {oa:.1f} % (95 % interval {low:.1f} to {high:.1f}) of ground that is of these "
        "classes: test OA by distance from training, weighted by the map's own distances."
    )
    if (nearest := rows[0]["test_distance_min"]) > 1:
        said += f" What lies nearer than {nearest} pixels counts as the nearest that was tested."
    if beyond:
        share = f"{beyond:.0f}" if beyond >= 1 else "Less than 1"
        said += f" {share} % of it lies further away than any test pixel: nothing is known there."
    return [said, *applicable]


def applicability_statement(share: float) -> str:
    """`share`: of the map, within the area of applicability of its model."""
    return (
        f"{100 * share:.0f} % of the map lies within the model's area of applicability: its spectra are as like "
        "training's as training fields are like each other. The rest is unlike anything that the model was trained on."
    )


_INSTEAD = {
    "random": "Use `protocol` blocks.",
    "blocks": "Use larger blocks or a wider buffer (`block_size`, `buffer`).",
    "groups": "Use a wider `buffer`, or join groups that lie side by side (`group_field`).",
    "scenes": "Hold out scenes of other ground.",
    "fixed": "Use `protocol` blocks, or maps whose training and test pixels lie further apart.",
}
"""Protocol -> what to do if positions alone are enough."""


def _canary(winner: SummaryRow, canary: SummaryRow, protocol: str) -> str:
    knows = "1-nearest-neighbour on row and column, which sees no spectrum,"
    reaches, half_width = f"reaches {100 * canary.test_oa.mean:.2f} %", winner.test_oa.half_width
    if math.isnan(half_width):  # no interval to compare with
        half_width, near = 0.0, f"the winner {100 * winner.test_oa.mean:.2f} %"
    else:
        near = "within the winner's interval or above it"
    if canary.test_oa.mean >= winner.test_oa.mean - half_width:
        return f"This split does not measure spectral skill: {knows} {reaches}, {near}. {_INSTEAD[protocol]}"
    return f"{knows[0].upper()}{knows[1:]} {reaches}."


def _by_seed(rows: Sequence[Row], config_hash: str) -> dict[int, float]:
    return {r["seed"]: r["test_oa"] for r in rows if r["config_hash"] == config_hash and r["test_oa"] is not None}


def _percent(spread: Spread) -> str:
    return (
        f"{100 * spread.mean:.2f} %"
        if math.isnan(spread.std)
        else f"{100 * spread.mean:.2f} +- {100 * spread.std:.2f} %"
    )


def _pixels(sizes: Sequence[int]) -> str:
    low, high = min(sizes), max(sizes)
    return (f"{low:,}" if low == high else f"{low:,} to {high:,}") + " test pixels"


def _points(difference: float) -> str:
    return f"{100 * difference:+.2f}"


def _count(n: int, what: str) -> str:
    return f"{n} {what}" + ("" if n == 1 else "s")
