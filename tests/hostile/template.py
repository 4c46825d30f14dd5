"""What every case starts from: a small scene, bundles trained on it, a run folder; made once, without Ray."""

import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt

HEIGHT, WIDTH, BANDS = 24, 20, 6
VALUES = (2, 6, 9)
RANDOM = ("--protocol", "random", "--train-fraction", "0.5")


def labels() -> npt.NDArray[np.uint8]:
    """(H, W): stripes of three classes, no unlabelled pixel."""
    return np.array(VALUES, np.uint8)[np.indices((HEIGHT, WIDTH))[0] // 2 % 3]


def cube() -> npt.NDArray[np.uint16]:
    """(H, W, C) of three well separated spectra: a model trained on it repeats `labels`."""
    rng = np.random.default_rng(0)
    spectra = rng.integers(500, 3000, (10, BANDS))
    return (spectra[labels()] + rng.integers(0, 20, (HEIGHT, WIDTH, BANDS))).astype(np.uint16)


def write_scene(folder: Path) -> None:
    np.save(folder / "cube.npy", cube())
    np.save(folder / "labels.npy", labels())


def make(folder: Path) -> None:
    """cube.npy, labels.npy, bundle/ (a support vector machine), net/ (a network), run/ (of a search)."""
    from hsiauto import leaderboard as boards
    from hsiauto.config import RunConfig
    from hsiauto.families.cnn2d import Cnn2dConfig
    from hsiauto.families.ensemble import EnsembleConfig
    from hsiauto.families.svm import SvmConfig
    from hsiauto.models.bundle import save_bundle
    from hsiauto.models.fitted.classical import fit_classical
    from hsiauto.models.fitted.ensemble import EnsembleFitted
    from hsiauto.models.fitted.torch import TorchFitted
    from hsiauto.models.preprocess import Projection
    from hsiauto.runs import folder as folders
    from hsiauto.runs.export import provenance_of
    from hsiauto.runs.opened import opening
    from hsiauto.runs.prepare import prepare
    from hsiauto.scene.source import SceneSource
    from hsiauto.search.events import Ranked
    from hsiauto.search.journal import Journal
    from hsiauto.split import SplitSpec
    from hsiauto.split.seal import training_data
    from tests.told import ended, placed, proposed, refit, reported, started

    write_scene(folder)
    source = SceneSource(dataset=str(folder / "cube.npy"), labels=folder / "labels.npy")
    split = SplitSpec(protocol="random", train_fraction=0.5)
    prepared = prepare(RunConfig(scene=source, split=split, families=("svm",), budget=2))
    data, config = training_data(prepared.scene, prepared.split), SvmConfig(C=10.0)
    machine = fit_classical(config, data, seed=0)
    save_bundle(machine, folder / "bundle", provenance_of(prepared, None))
    network = Cnn2dConfig(components=4, width=8, depth=2, patch=7)
    projection = Projection.fit(data.cube, data.train_pixels, 4, True)
    module = network.build(projection.n_channels, data.n_classes)
    net = TorchFitted(network, projection, module, BANDS, data.n_classes)
    save_bundle(net, folder / "net", provenance_of(prepared, None))
    both = EnsembleFitted(EnsembleConfig(members=(network, config)), (net, machine))
    save_bundle(both, folder / "both", provenance_of(prepared, None))

    run = folder / "run"
    with folders.claimed(run):
        folders.create(run, prepared.run_config, prepared.split)
        with Journal(run / folders.JOURNAL) as journal, Journal(run / folders.REFITS) as refits:
            for number in (1, 2):
                trial = f"t{number:04}"
                for event in (
                    proposed(trial, config, number=number),
                    started(trial),
                    reported(trial, decision="complete"),
                    ended(trial),
                ):
                    if not journal.events:
                        journal.append(opening(prepared))
                    journal.append(event)
            journal.append(Ranked(order=(placed("t0001", config.active(), family="svm"),), unplaced={}))
            done = {"config": config.active(), "config_hash": config.hash(), "trial_id": "t0001"}
            refits.append(refit(f"svm-{config.hash()}-0", **done))
            context = boards.Context("run", prepared.scene.name, prepared.run_config, prepared.split)
            boards.write(boards.rows(journal.events, refits.events, context), run / folders.LEADERBOARD)
    (run / "lock").unlink()
    shutil.copytree(folder / "bundle", run / folders.BUNDLE)
