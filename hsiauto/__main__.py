"""`python -m hsiauto` is the command line."""

from hsiauto.cli import main

if __name__ == "__main__":
    main()
