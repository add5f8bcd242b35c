"""A delivery that kills its process each time: given up after four starts, told by its aggregate, and replayed."""

from pathlib import Path

from tests.e2e.children import Child
from tests.e2e.survivors import Survivor

STATUS = "query($id: ID!) { node(id: $id) { ... on Repository { status failure } } }"
LETTERS = "{ deadLetters { nodes { id worker attempts reason status } } }"
WORKER = "RepositoryProvisioningWorker"


async def test_a_delivery_that_kills_its_process_four_times_fails_its_repository_until_it_is_replayed(
    tmp_path: Path,
) -> None:
    server = Child(tmp_path / "data", {"SLIPWAY_DRAIN_SECONDS": "0"})
    assert await server.ready()
    server.end()
    client = Survivor(tmp_path / "data", lambda deaths: "act:before" if deaths < 4 else None)
    try:
        make = 'mutation { createTenant(input: {name: "acme", adminEmail: "a@example.test"}) { token } }'
        admin = (await client.ask(server.token(), make))["createTenant"]["token"]
        project = await client.do(admin, "project", "createProject", "project { id }", name="booking")
        fields = {
            "projectId": project["id"],
            "name": "m",
            "kind": "LIBRARY",
            "language": "PYTHON",
            "baseVersion": "1.0",
        }
        module = await client.do(admin, "module", "registerModule", "module { id }", **fields)
        made = await client.do(admin, "repository", "provisionRepository", "repository { id }", moduleId=module["id"])
        failed = await client.until(admin, STATUS, lambda a: a["node"]["status"] != "PROVISIONING", id=made["id"])
        assert failed["node"] == {"status": "FAILED", "failure": "its process died 4 times"}
        (letter,) = (await client.ask(admin, LETTERS))["deadLetters"]["nodes"]
        replayed = letter.pop("id")
        assert letter == {"worker": WORKER, "attempts": 4, "reason": "its process died 4 times", "status": "OPEN"}
        await client.do(admin, "replay", "replayDelivery", "deadLetter { id }", deadLetterId=replayed)
        await client.until(admin, STATUS, lambda a: bool(a["node"]["status"] == "PROVISIONED"), id=made["id"])
        assert client.deaths == 4
    finally:
        await client.close()
