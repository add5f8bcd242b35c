"""Result file in, values out; the whole file is understood or ResultsInvalid says why not. They block: use a thread."""

from typing import BinaryIO, Final

from providers.pipelines.results.cases import Cases
from providers.pipelines.results.cobertura import Cobertura
from providers.pipelines.results.junit import Junit
from providers.pipelines.results.nunit import Nunit
from providers.pipelines.results.reader import read
from providers.pipelines.results.trx import Trx
from providers.pipelines.results.values import CaseResult, FileCoverage, TestFormat
from providers.pipelines.results.xunit import Xunit

_FORMATS: Final[dict[TestFormat, type[Cases]]] = {
    TestFormat.JUNIT: Junit,
    TestFormat.NUNIT: Nunit,
    TestFormat.XUNIT: Xunit,
    TestFormat.TRX: Trx,
}


def parse_tests(written: TestFormat, file: BinaryIO) -> list[CaseResult]:
    """The test cases in the order of the file."""
    cases = _FORMATS[written]()
    read(file, cases)
    return cases.found


def parse_coverage(file: BinaryIO) -> list[FileCoverage]:
    """Of a Cobertura file, by path."""
    cobertura = Cobertura()
    read(file, cobertura)
    return cobertura.found
