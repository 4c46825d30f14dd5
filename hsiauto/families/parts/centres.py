"""Initial values of learned centres: k-means on embeddings, whatever their number."""

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

JITTER = 0.01
"""Deviation of the jitter of repeated embeddings, over that of the embeddings."""


def kmeans_centres(
    embeddings_ND: npt.NDArray[np.float32], n_centres: int, rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    """k-means centres (n_centres, D); if there are fewer distinct embeddings, those and jittered copies."""
    distinct_ND = np.unique(embeddings_ND, axis=0)
    if len(distinct_ND) > n_centres:
        kmeans = KMeans(n_centres, n_init=1, max_iter=100, random_state=int(rng.integers(2**31)))
        with threadpool_limits(1):  # a trial has one core; and the sums then do not depend on the machine's
            return np.asarray(kmeans.fit(distinct_ND).cluster_centers_, np.float32)
    centres = np.resize(distinct_ND, (n_centres, distinct_ND.shape[1]))
    spread = JITTER * (float(distinct_ND.std(axis=0).mean()) or float(np.abs(distinct_ND).mean()))
    centres[len(distinct_ND) :] += rng.normal(0, spread, centres[len(distinct_ND) :].shape).astype(np.float32)
    return centres


def kmeans_per_class(
    embeddings_ND: npt.NDArray[np.float32],
    labels_N: npt.NDArray[np.int64],
    n_classes: int,
    per_class: int,
    rng: np.random.Generator,
) -> npt.NDArray[np.float32]:
    """`per_class` centres of each class in turn, (n_classes * per_class, D). A class without any embedding starts from
    those of all classes."""
    of_class = [embeddings_ND[labels_N == c] for c in range(n_classes)]
    pools = [pool if len(pool) else embeddings_ND for pool in of_class]
    return np.concatenate([kmeans_centres(pool, per_class, rng) for pool in pools])
