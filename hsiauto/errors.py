"""Errors that a user can act on: the rule, the value received, the remedy."""


class UserError(ValueError):
    """Bad input. The command line prints it as one line and exits with code 2.

    `rule` says what must hold, `received` what came instead, `remedy` what to do about it.
    """

    def __init__(self, rule: str, received: object = None, remedy: str = "") -> None:
        self.rule, self.received, self.remedy = rule, received, remedy
        parts = [rule.rstrip(".")]
        if received is not None:
            parts.append(f"received {received}")
        message = "; ".join(parts)
        super().__init__(f"{message}. {remedy}".rstrip() if remedy else message)

    def __reduce__(self) -> tuple[type["UserError"], tuple[str, object, str]]:
        return type(self), (self.rule, self.received, self.remedy)  # survives the way back from a worker
