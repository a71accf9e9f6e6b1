"""The options that commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Hardware = Annotated[
    list[str] | None,
    typer.Option("--hardware", help="Hardware profile; repeatable. auto: all that are here.", show_default="auto"),
]
Precision = Annotated[
    str | None, typer.Option(help="Half-width of the interval to reach, such as 1%.", show_default="1%")
]
Budget = Annotated[
    str | None,
    typer.Option(help="Time to measure for, a device and workload, such as 30s.", show_default="30s"),
]
TimeLimit = Annotated[
    str | None,
    typer.Option("--time-limit", help="Longest that loading or one answer may take.", show_default="120s"),
]
Output = Annotated[Path, typer.Option(help="Results folder.")]
Json = Annotated[
    str | None,
    typer.Option("--json", metavar="FILE", help="Write the results as JSON; - is standard output."),
]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress.")]
ProfileDir = Annotated[
    list[Path] | None,
    typer.Option("--profile-dir", help="Folder with hardware profiles of yours; repeatable."),
]
