"""The options that commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Hardware = Annotated[
    list[str] | None,
    typer.Option(
        "--hardware", metavar="NAME", help="Hardware profile; repeatable. The default, auto: all that are here."
    ),
]
AsIs = Annotated[
    bool,
    typer.Option(
        "--as-is", help="Run the named profiles of other machines too, under the name of the device that is here."
    ),
]
Precision = Annotated[
    str | None,
    typer.Option(
        metavar="SHARE", help="Half-width of the interval to reach, such as 1%. Default: the suite's, or 1%."
    ),
]
Budget = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="Time to measure for, on each device and workload, such as 90s. Default: the suite's; compare: 30s.",
    ),
]
TimeLimit = Annotated[
    str | None,
    typer.Option(
        "--time-limit",
        metavar="TIME",
        help="Longest that loading, or one answer of a model, may take. Default: the suite's, or 120s.",
    ),
]
Output = Annotated[Path, typer.Option(metavar="DIR", help="Results folder.")]
Json = Annotated[
    str | None,
    typer.Option("--json", metavar="FILE", help="Write the results as JSON; - is standard output."),
]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress.")]
ProfileDir = Annotated[
    list[Path] | None,
    typer.Option("--profile-dir", metavar="DIR", help="Folder with hardware profiles of yours; repeatable."),
]
Trust = Annotated[bool, typer.Option("--trust", help="Run the code that the suite names.")]
SuiteFile = Annotated[Path, typer.Argument(metavar="SUITE.yaml", help="The suite.")]
PolicyFile = Annotated[
    Path | None,
    typer.Option(
        "--policy", metavar="FILE", help="What a release must hold beside the suite's gates. Default: the suite's."
    ),
]
StepOutput = Annotated[Path, typer.Option("--output", metavar="DIR", help="Folder for the files; made if need be.")]
StepVariant = Annotated[
    list[str] | None,
    typer.Option("--variant", metavar="NAME", help="Only this variant; repeatable. Default: all of the suite."),
]
Target = Annotated[
    str | None,
    typer.Option(
        "--target", metavar="NAME", help="Choose widths for this hardware profile, by measuring; with --speedup."
    ),
]
Speedup = Annotated[
    float | None,
    typer.Option("--speedup", metavar="X", help="The measured speedup to reach on the target, such as 2.0."),
]
RoundBudget = Annotated[
    str | None,
    typer.Option(
        "--budget", metavar="TIME", help="Time to measure in each round of the search, such as 30s. Default: 20s."
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace files that are there.")]
Shapes = Annotated[
    list[str] | None,
    typer.Option("--shape", metavar="INPUT=SIZES", help="Such as image=1x3x224x224; repeatable."),
]
