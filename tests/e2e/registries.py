"""A repository of images in a served installation, as clients of OCI Distribution see it."""

import hashlib
import json
from typing import Any

import httpx

from tests.api.conftest import Client

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
Headers = dict[str, str]


def digest_of(content: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"


def described(content: bytes, media_type: str, algorithm: str = "sha256", **more: Any) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(content, algorithm), "size": len(content)} | more


def manifest(configured: bytes, /, *layers: bytes, algorithm: str = "sha256", **more: Any) -> bytes:
    """A manifest's bytes."""
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": described(configured, CONFIG, algorithm),
        "layers": [described(layer, LAYER, algorithm) for layer in layers],
    }
    return json.dumps(document | more).encode()


def index(*manifests: bytes, **more: Any) -> bytes:
    listed = [described(one, MANIFEST) for one in manifests]
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": listed} | more).encode()


class Images:
    """One repository, asked with one token as a Basic password."""

    def __init__(self, admin: Client, name: str, token: str | None = None) -> None:
        self.admin, self.name, self.http = admin, name, admin.http
        self.auth = httpx.BasicAuth("anyone", token or admin.token)

    @property
    def path(self) -> str:
        return f"/v2/{self.name}"

    def named(self, name: str) -> "Images":
        return self.by(self.auth, name)

    def by(self, auth: Any, name: str | None = None) -> "Images":
        other = Images(self.admin, name or self.name)
        other.auth = auth
        return other

    async def ask(self, method: str, path: str, content: Any = None, **headers: str) -> httpx.Response:
        """``path`` begins below the repository, unless it is a Location."""
        url = path if path.startswith("/v2/") else f"{self.path}/{path}"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.request(method, url, content=content, headers=named, auth=self.auth)

    async def begun(self) -> str:
        """The address of a new upload."""
        answer = await self.ask("POST", "blobs/uploads/")
        assert answer.status_code == 202
        return answer.headers["location"]

    async def push(self, content: bytes, algorithm: str = "sha256") -> str:
        """The digest of a blob that is there now."""
        digest = digest_of(content, algorithm)
        answer = await self.ask("POST", f"blobs/uploads/?digest={digest}", content)
        assert (answer.status_code, answer.headers["docker-content-digest"]) == (201, digest)
        return digest

    async def put(self, content: bytes, reference: str | None = None, media_type: str = MANIFEST) -> httpx.Response:
        """A manifest, by its own digest unless told otherwise."""
        return await self.ask("PUT", f"manifests/{reference or digest_of(content)}", content, content_type=media_type)

    async def image(self, tag: str, *layers: bytes, **more: Any) -> str:
        """The digest of a tagged image."""
        for blob in (b"{}", *layers):
            await self.push(blob)
        content = manifest(b"{}", *layers, **more)
        answer = await self.put(content, tag)
        assert answer.status_code == 201, answer.text
        return digest_of(content)


def code(answer: httpx.Response) -> tuple[int, str]:
    """How it was refused, by an error body as OCI Distribution has it."""
    (error,) = answer.json()["errors"]
    assert set(error) == {"code", "message"}
    assert error["message"]
    return answer.status_code, error["code"]
