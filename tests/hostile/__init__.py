"""Hostile input: files, options and folders that somebody else made, a fork each with limits of time and memory.

    python -m tests.hostile [--quick] [--kind KIND] [--case WORDS] [--against CHECKOUT]

A case is clean if the exit code is documented and the one that it names; an error is one line with rule, value and
remedy; no input changed; nothing else was written, started or asked of a network; and what was accepted is right.
"""
