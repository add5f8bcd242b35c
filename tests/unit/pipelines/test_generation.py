"""A module's metadata to its pipeline: the same bytes each time, and a file that the runner understands."""

import hashlib
from typing import Any
from uuid import UUID

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from providers.pipelines.definition.load import load
from services.pipelines.generation import content_hash, generate
from services.platform.modules import Language
from storage.tables.platform import ModuleRow

ID = UUID(int=1)


def module(language: Language, **more: Any) -> ModuleRow:
    fields = {"name": "reservations", "kind": "LIBRARY", "base_version": "1.10", "package_name": None} | more
    return ModuleRow(tenant_id=ID, project_id=ID, language=language.value, **fields)


@pytest.mark.parametrize("language", list(Language))
def test_every_language_has_a_file_that_is_understood_whole(language: Language) -> None:
    pipeline = load(generate(module(language, package_name="res.ervations"), "main"))
    assert pipeline.trigger.branches.include == pipeline.pr.branches.include == ("main",)
    assert (pipeline.variables["baseVersion"], pipeline.variables["packageName"]) == ("1.10", "res.ervations")
    titles = [step.display_name for step in pipeline.stages[0].jobs[0].steps]
    published = [] if language is Language.NODE else ["Publish test results", "Publish coverage"]
    assert titles[0] == "Checkout"
    assert titles[titles.index("Test") :] == ["Test", "Package", *published, "Publish the package"]


def test_it_is_laid_out_as_azure_pipelines_users_know_it() -> None:
    told = yaml.safe_load(generate(module(Language.DOTNET), "trunk"))
    assert list(told) == ["trigger", "pr", "variables", "stages"]
    assert told["variables"] == {"moduleName": "reservations", "baseVersion": "1.10", "buildConfiguration": "Release"}
    (stage,) = told["stages"]
    assert list(stage) == ["stage", "displayName", "jobs"]
    assert list(stage["jobs"][0]) == ["job", "displayName", "pool", "timeoutInMinutes", "steps"]


def test_the_same_metadata_is_the_same_bytes_whatever_else_the_module_is() -> None:
    one, other = module(Language.PYTHON, port=1), module(Language.PYTHON, port=2, id=UUID(int=7))
    assert generate(one, "main") == generate(other, "main")
    assert generate(one, "main") != generate(one, "trunk")
    assert content_hash("x") == "sha256:" + hashlib.sha256(b"x").hexdigest()


@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._/'-]{0,20}", fullmatch=True))
def test_a_branch_of_any_name_stays_what_it_is(branch: str) -> None:
    assert load(generate(module(Language.NODE), branch)).trigger.branches.include == (branch,)
