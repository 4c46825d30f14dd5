"""What a command takes where an option was left out; each rule is the same in every command that has the option."""

EPOCHS, DEMO_EPOCHS = 60, 15
"""Of a full training. A first look at the demo takes minutes on two cores."""
EPOCHS_IN_WORDS = f"{EPOCHS}, on the demo {DEMO_EPOCHS}"


def max_epochs(asked: int | None, dataset: str) -> int:
    """What --max-epochs says, else what suits the dataset."""
    if asked is not None:
        return asked
    return DEMO_EPOCHS if dataset == "demo" else EPOCHS
