"""One error budget for a decision that may be tried several times on a sample that grows."""

from __future__ import annotations

from .checks import open_share


def error_each(confidence: float, looks: int) -> float:
    """The one-sided error that each of `looks` looks may make, so that all of them together make 1 - confidence.

    `confidence` is the one-sided confidence that the decision must hold at, 0 to 1. Each look has an equal share,
    (1 - confidence) / looks, by Bonferroni's inequality: the chance that at least one of several intervals misses
    is at most the sum of their chances, whatever they have in common (Dunn 1961, "Multiple Comparisons Among Means",
    J. American Statistical Association 56:52-64). So it holds whatever it is that makes one look again, how long each
    look is, and though the samples of a later look hold those of the earlier ones. What it asks is that each look's
    interval keeps its own promise, and that the number of looks was settled before the first.

    Sharper bounds spend less: Pocock (1977), Biometrika 64:191-199, and O'Brien and Fleming (1979), Biometrics
    35:549-556, for looks at equal steps, Lan and DeMets (1983), Biometrika 70:659-663, for looks at known shares of
    the information. They rest on the joint normal distribution of the looks. Intervals of Student's t over six to
    some tens of process sets, whose scatter is found anew at each look, do not have it, and how much a further look
    will tell is not known beforehand. At 97.5 % and three looks, Pocock's error of each is 1.10 %, this one 0.83 %.

    Raises ValueError for a confidence that is not between 0 and 1, and for fewer looks than 1.
    """
    if looks < 1:
        raise ValueError(f"{looks} looks: there is at least one")
    return (1 - open_share(confidence, "confidence")) / looks


def two_sided(confidence: float, looks: int) -> float:
    """The confidence of the two-sided interval each of whose ends makes the error of one look.

    At 0.975 and one look it is 0.95. Raises ValueError as `error_each` does, and where an end would be wrong more
    often than right.
    """
    share = 1 - 2 * error_each(confidence, looks)
    return open_share(share, "two-sided confidence")
