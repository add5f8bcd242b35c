"""What is wrong with a pipeline's file, without running it."""

from providers.pipelines.definition.load import load
from providers.pipelines.errors import PipelineInvalid, Problem


def mistakes(yaml: str) -> tuple[Problem, ...]:
    """Every mistake in the order of the file; none when it can run."""
    try:
        load(yaml)
    except PipelineInvalid as error:
        return error.problems
    return ()
