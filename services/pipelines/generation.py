"""PipelineGeneratorService: a module's metadata to ``azure-pipelines.yml``; the same metadata, the same bytes."""

import hashlib
from typing import Final
from uuid import UUID

from services.events.event import record
from services.events.pipelines import PipelineGenerated
from services.platform.modules import Language
from storage.tables.pipelines import PipelineDefinitionRow
from storage.tables.platform import ModuleRow
from storage.tables.source_control import RepositoryRow
from storage.unit_of_work import UnitOfWork

PATH: Final = "azure-pipelines.yml"
TEMPLATE_VERSION: Final = 2
MOST_HASHES: Final = 100
_VENV: Final = '"$(Agent.TempDirectory)/venv/bin/python"'
_STEPS: Final[dict[Language, tuple[tuple[str, tuple[str, ...]], ...]]] = {
    Language.PYTHON: (
        ("Install", (
            'python3 -m venv "$(Agent.TempDirectory)/venv"',
            f"{_VENV} -m pip install --disable-pip-version-check build pytest pytest-cov",
            f"{_VENV} -m pip install --disable-pip-version-check .",
        )),
        ("Test", (
            f'{_VENV} -m pytest --junitxml "$(Common.TestResultsDirectory)/TEST-pytest.xml" \\',
            '  --cov --cov-report "xml:$(Common.TestResultsDirectory)/coverage.xml"',
        )),
        ("Package", (f'{_VENV} -m build --wheel --outdir "$(Build.ArtifactStagingDirectory)/dist" .',)),
    ),
    Language.DOTNET: (
        ("Restore", ("dotnet restore",)),
        ("Build", ("dotnet build --configuration $(buildConfiguration) --no-restore",)),
        ("Test", (
            "dotnet test --configuration $(buildConfiguration) --no-build --logger trx \\",
            '  --results-directory "$(Common.TestResultsDirectory)" --collect "XPlat Code Coverage"',
        )),
        ("Package", (
            "dotnet pack --configuration $(buildConfiguration) --no-build \\",
            '  --output "$(Build.ArtifactStagingDirectory)/dist"',
        )),
    ),
    Language.NODE: (
        ("Install", ("npm ci",)),
        ("Test", ("npm test",)),
        ("Package", (
            'mkdir -p "$(Build.ArtifactStagingDirectory)/dist"',
            'npm pack --pack-destination "$(Build.ArtifactStagingDirectory)/dist"',
        )),
    ),
}  # fmt: skip

_RESULTS: Final[dict[Language, tuple[tuple[str, str, tuple[str, ...]], ...]]] = {
    Language.PYTHON: (
        ("Publish test results", "PublishTestResults@2", (
            "testResultsFormat: JUnit", "testResultsFiles: '$(Common.TestResultsDirectory)/TEST-*.xml'",
        )),
        ("Publish coverage", "PublishCodeCoverageResults@2", (
            "summaryFileLocation: '$(Common.TestResultsDirectory)/coverage.xml'",
        )),
    ),
    Language.DOTNET: (
        ("Publish test results", "PublishTestResults@2", (
            "testResultsFormat: VSTest", "testResultsFiles: '$(Common.TestResultsDirectory)/**/*.trx'",
        )),
        ("Publish coverage", "PublishCodeCoverageResults@2", (
            "summaryFileLocation: '$(Common.TestResultsDirectory)/**/coverage.cobertura.xml'",
        )),
    ),
    Language.NODE: (),
}  # fmt: skip
_DIST: Final = (
    "          - publish: '$(Build.ArtifactStagingDirectory)/dist'",
    "            artifact: dist",
    "            displayName: Publish the package",
)


def generate(module: ModuleRow, default_branch: str) -> str:
    """The file, laid out as Azure Pipelines users know it; values are quoted, so that '1.10' stays what it is."""
    language = Language(module.language)
    variables = {"moduleName": module.name, "baseVersion": module.base_version}
    if module.package_name is not None:
        variables["packageName"] = module.package_name
    if language is Language.DOTNET:
        variables["buildConfiguration"] = "Release"
    lines = [
        f"# Made by Slipway from the metadata of the module {module.name}; changed by hand, it is left alone.",
        *(line for name in ("trigger", "pr") for line in _branches(name, default_branch)),
        "variables:",
        *(f"  {name}: '{value}'" for name, value in variables.items()),
        "",
        "stages:",
        "  - stage: Build",
        "    displayName: Build and test",
        "    jobs:",
        "      - job: Build",
        "        displayName: Build and test",
        "        pool:",
        "          vmImage: ubuntu-latest",
        "        timeoutInMinutes: 30",
        "        steps:",
        "          - checkout: self",
    ]
    for title, commands in _STEPS[language]:
        lines += ["          - script: |", "              set -e", *(f"              {one}" for one in commands)]
        lines.append(f"            displayName: {title}")
    for title, task, inputs in _RESULTS[language]:
        lines += [f"          - task: {task}", f"            displayName: {title}"]
        lines += ["            condition: succeededOrFailed()", "            inputs:"]
        lines += [f"              {one}" for one in inputs]
    return "\n".join([*lines, *_DIST]) + "\n"


def _branches(name: str, branch: str) -> list[str]:
    quoted = branch.replace("'", "''")
    return [f"{name}:", "  branches:", "    include:", f"      - '{quoted}'", ""]


def content_hash(yaml: str) -> str:
    """Of a file's bytes."""
    return f"sha256:{hashlib.sha256(yaml.encode()).hexdigest()}"


class PipelineGeneratorService:
    """Owns pipeline definitions."""

    async def generated(self, uow: UnitOfWork, repository: RepositoryRow, yaml: str) -> None:
        """Records the pipeline that a repository's first commit holds; once."""
        assert repository.module_id is not None
        if await uow.rows.find(PipelineDefinitionRow, repository_id=repository.id) is not None:
            return
        row = PipelineDefinitionRow(
            tenant_id=repository.tenant_id,
            project_id=repository.project_id,
            module_id=repository.module_id,
            repository_id=repository.id,
            path=PATH,
            yaml=yaml,
            content_hash=content_hash(yaml),
            template_version=TEMPLATE_VERSION,
            made_hashes=[content_hash(yaml)],
            trace_id=repository.trace_id,
        )
        await uow.rows.add(row)
        _tell(uow, row)

    def is_made(self, row: PipelineDefinitionRow, yaml: str | None) -> bool:
        """Whether a file was made for this pipeline once, and is nobody's work."""
        return yaml is not None and content_hash(yaml) in row.made_hashes

    async def proposed(self, uow: UnitOfWork, pipeline_id: UUID, yaml: str) -> None:
        """Remembers what was made, so that it is known when it is merged."""
        row = await uow.rows.get(PipelineDefinitionRow, pipeline_id, lock=True)
        if row is not None and not self.is_made(row, yaml):
            row.made_hashes = [*row.made_hashes, content_hash(yaml)][-MOST_HASHES:]

    async def held(self, uow: UnitOfWork, pipeline_id: UUID, yaml: str | None) -> None:
        """Records what the default branch holds; told when it was made here. One without the file keeps what it had."""
        row = await uow.rows.get(PipelineDefinitionRow, pipeline_id, lock=True)
        if row is None or yaml is None or row.yaml == yaml:
            return
        row.yaml, row.content_hash = yaml, content_hash(yaml)
        if self.is_made(row, yaml):
            row.template_version = TEMPLATE_VERSION
            _tell(uow, row)


def _tell(uow: UnitOfWork, row: PipelineDefinitionRow) -> None:
    event = PipelineGenerated(
        repository_id=row.repository_id,
        path=row.path,
        content_hash=row.content_hash,
        template_version=row.template_version,
    )
    record(uow, event, subject_id=row.id, project_id=row.project_id, module_id=row.module_id)
