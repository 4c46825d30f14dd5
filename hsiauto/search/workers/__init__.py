"""Ray's side of a search: it uses the rules of `hsiauto.search` and is never used by them."""

from hsiauto.search.workers.environment import kept_environment

with kept_environment():  # to import Ray sets a variable
    import ray  # noqa: F401
