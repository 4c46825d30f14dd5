"""`python -m hsiauto.cli.job FILE ARGUMENTS`: the command line, whose exit code is in FILE after its end.

For whoever did not start the process, such as a service that was started anew. A killed process leaves no file.
"""

import sys
from pathlib import Path

from hsiauto.cli.process import main
from hsiauto.files import atomic_path

BUG = 70
"""Exit code of a command that ended with a traceback: EX_SOFTWARE of sysexits.h."""


def run(file: Path) -> None:
    """Run the command of `sys.argv`; it ends this process."""
    code: object = BUG
    try:
        main()
    except SystemExit as ended:
        code = ended.code
        raise
    finally:
        with atomic_path(file) as temporary:
            temporary.write_text(f"{int(code) if isinstance(code, int) else 0 if code is None else 1}\n")


if __name__ == "__main__":
    run(Path(sys.argv.pop(1)))
