"""A fitted tree as lines that a person reads from top to bottom."""

from shopkeeper.learn.propensity.trees import Trees


def drawn(
    tree: Trees, *, yes: str = "yes", no: str = "no", rows: str = "rows", leaf: str = "{:.1%}", root: int = 0
) -> list[str]:
    """The first tree's questions and leaves, indented; a leaf shows the share that came true (or, written as ``leaf``
    says, the mean) and its rows.

    An unknown number answers every question with yes: it counts as less than all.
    """

    def branch(node: int, before: str, lead: str) -> list[str]:
        if tree.left[node] < 0:
            return [f"{lead}{leaf.format(tree.value[node])} ({int(tree.rows[node]):,} {rows})"]
        question = f"{tree.names[int(tree.column[node])]} ≤ {tree.threshold[node]:.4g}?"
        return [
            f"{lead}{question}",
            *branch(int(tree.left[node]), f"{before}│  ", f"{before}├─ {yes}: "),
            *branch(int(tree.right[node]), f"{before}   ", f"{before}└─ {no}: "),
        ]

    return branch(int(tree.roots[root]), "", "")
