"""`exporter completion`: the shell's completion of commands and options."""

from typing import Annotated, Literal

from cyclopts import Parameter


def completion(
    shell: Annotated[Literal["bash", "zsh", "fish"], Parameter(help="The shell that is to run the script.")], /
) -> None:
    """Print the completion script of a shell: `eval "$(exporter completion bash)"`."""
    from exporter.commands.main import app

    print(app.generate_completion(shell=shell), flush=True)  # noqa: T201 - a command's answer
