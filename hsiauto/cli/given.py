"""Options that were typed, against those that stand at their default: what cannot act is refused, not ignored."""

from collections.abc import Collection, Mapping

import typer

from hsiauto.errors import UserError

_RESUME = ("resume", "budget", "time_limit", "max_gpu_hours", "data_dir", "concurrency", "trial_timeout", "address")
_PROTOCOLS: Mapping[str, Collection[str]] = {
    "test_fraction": ("blocks",),
    "block_size": ("blocks", "fixed"),
    "buffer": ("blocks", "fixed"),
    "drop_conflicts": ("fixed",),
}
"""Option -> the protocols in which it does something."""


def given(context: typer.Context) -> dict[str, str]:
    """{parameter: option} of what was typed; an environment variable is a default."""
    typed = {}
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if parameter.name and source is not None and source.name == "COMMANDLINE":
            typed[parameter.name] = parameter.opts[0]
    return typed


def refuse_on_resume(context: typer.Context) -> None:
    """A resumed run has its own settings: raises UserError for every option that would change one."""
    strange = [option for name, option in given(context).items() if name not in _RESUME]
    if strange:
        raise UserError(
            "--resume goes on with the run's own settings; only --budget, --time-limit, --max-gpu-hours, "
            "--data-dir, --concurrency, --trial-timeout and --address go with it",
            " ".join(strange),
            "Leave it out, or start a new run.",
        )


def refuse_idle(context: typer.Context, protocol: str) -> None:
    """Raises UserError for a typed option that does nothing under `protocol`."""
    typed = given(context)
    for name, protocols in _PROTOCOLS.items():
        if name in typed and protocol not in protocols:
            raise UserError(
                f"{typed[name]} belongs to --protocol {' and '.join(protocols)}", protocol, f"Leave {typed[name]} out."
            )
