"""Inputs and payloads of environments and their configuration."""

import strawberry

from schema.commands import Command, Payload, given
from schema.mapping import id_of
from schema.platform import Configuration, Environment
from services.platform import configuration, environments


@strawberry.input(description="Declare an environment of a project; its repository is made with it.")
class DeclareEnvironmentInput(Command):
    """Without order it comes last."""

    project_id: strawberry.ID
    name: str
    order: int | None = None
    driver: environments.Driver = environments.Driver.LOCAL
    promotion: environments.Promotion = environments.Promotion.MANUAL
    requires_approval: bool = False
    self_heal: bool = True
    auto_rollback: bool = True
    allow_direct_push: bool = False
    drift_interval_ms: int = 30_000

    def to_command(self) -> environments.DeclareEnvironment:
        """Frozen."""
        return environments.DeclareEnvironment(
            project_id=id_of(self.project_id, "Project", "projectId"),
            name=self.name,
            order=self.order,
            driver=self.driver,
            promotion=self.promotion,
            requires_approval=self.requires_approval,
            self_heal=self.self_heal,
            auto_rollback=self.auto_rollback,
            allow_direct_push=self.allow_direct_push,
            drift_interval_ms=self.drift_interval_ms,
        )


@strawberry.input(description="Change an environment's settings; what is absent stays.")
class UpdateEnvironmentInput(Command):
    """Nothing of an environment can be null."""

    environment_id: strawberry.ID
    order: int | None = strawberry.UNSET
    promotion: environments.Promotion | None = strawberry.UNSET
    requires_approval: bool | None = strawberry.UNSET
    self_heal: bool | None = strawberry.UNSET
    auto_rollback: bool | None = strawberry.UNSET
    allow_direct_push: bool | None = strawberry.UNSET
    drift_interval_ms: int | None = strawberry.UNSET

    def to_command(self) -> environments.UpdateEnvironment:
        """Frozen."""
        return environments.UpdateEnvironment(
            environment_id=id_of(self.environment_id, "Environment", "environmentId"),
            order=given(self.order),
            promotion=given(self.promotion),
            requires_approval=given(self.requires_approval),
            self_heal=given(self.self_heal),
            auto_rollback=given(self.auto_rollback),
            allow_direct_push=given(self.allow_direct_push),
            drift_interval_ms=given(self.drift_interval_ms),
        )


@strawberry.input(description="End an environment; its repository becomes read-only.")
class ArchiveEnvironmentInput(Command):
    """Archiving it again changes nothing."""

    environment_id: strawberry.ID

    def to_command(self) -> environments.ArchiveEnvironment:
        """Frozen."""
        return environments.ArchiveEnvironment(
            environment_id=id_of(self.environment_id, "Environment", "environmentId")
        )


@strawberry.type(description="The environment.")
class EnvironmentPayload(Payload):
    """Null when refused."""

    environment: Environment | None = strawberry.field(default=None, description="The environment as it is now.")


@strawberry.input(description="One variable: either a value, or the name of the secret that holds it.")
class ConfigurationEntryInput:
    """The name is shaped like an environment variable's."""

    name: str
    value: str | None = None
    secret_ref: str | None = None


@strawberry.input(description="Replace a module's values in an environment.")
class SetConfigurationInput(Command):
    """With expectedNumber it is CONFLICT when another version stands; 0 is none."""

    environment_id: strawberry.ID
    module_id: strawberry.ID
    entries: list[ConfigurationEntryInput]
    expected_number: int | None = None

    def to_command(self) -> configuration.SetConfiguration:
        """Frozen."""
        return configuration.SetConfiguration(
            environment_id=id_of(self.environment_id, "Environment", "environmentId"),
            module_id=id_of(self.module_id, "Module", "moduleId"),
            entries=tuple(
                configuration.Entry(name=entry.name, value=entry.value, secret_ref=entry.secret_ref)
                for entry in self.entries
            ),
            expected_number=self.expected_number,
        )


@strawberry.type(description="The configuration.")
class SetConfigurationPayload(Payload):
    """Null when refused."""

    configuration: Configuration | None = strawberry.field(default=None, description="The newest version.")
