"""Events of the packaging context."""

from dataclasses import dataclass
from typing import ClassVar

from services.events.event import Event


@dataclass(frozen=True, kw_only=True)
class PackagePublicationRequested(Event):
    """A file waits to be looked through and published."""

    subject: ClassVar[str] = "PackagePublication"
    ecosystem: str
    name: str
    version: str
    filename: str
    digest: str


@dataclass(frozen=True, kw_only=True)
class PackagePublished(Event):
    """A file of the version can be installed, and never changes; each further file of it is told again."""

    subject: ClassVar[str] = "PackagePublication"
    ecosystem: str
    name: str
    version: str
    filename: str
    digest: str


@dataclass(frozen=True, kw_only=True)
class PackagePublicationFailed(Event):
    """The file is not published, for this reason; a better one may come under the same name."""

    subject: ClassVar[str] = "PackagePublication"
    ecosystem: str
    name: str
    version: str
    filename: str
    digest: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class PackageUnlisted(Event):
    """Installers pass the version over unless they are told to take exactly it."""

    subject: ClassVar[str] = "PackagePublication"
    ecosystem: str
    name: str
    version: str
    reason: str | None
