"""Search methods side by side on problems whose answers are known, in virtual time, over many seeds."""
