"""Destinations that keep what they take and find it again, each in a mood of its own.

One server speaks for all: what it does with a request is its mood's affair, what is in it a
`Shelf`'s. A shelf keeps what the requests bring, recognises what the API it stands for recognises
and no more, and answers searches with what it has.
"""

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

Json = dict[str, Any]

MOODS = (
    *("takes", "takes", "loses answers", "loses answers"),
    *("is silent", "loses requests", "is busy", "rejects"),
)
_LATER = "HTTP/1.1 503 Later\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"
_NO = "HTTP/1.1 422 No\r\nContent-Length: 0\r\n\r\n"


class Shelf(Protocol):
    """What one kind of destination keeps."""

    created: list[str]
    """What the gateway calls each thing that was created, in order."""

    def put(self, body: Json) -> tuple[int, str, Json]:
        """Take a request; return status, location and answer."""
        ...

    def get(self, path: str, query: dict[str, list[str]]) -> Json:
        """Answer a read or a search."""
        ...

    def names(self, body: Json) -> tuple[str, set[str]]:
        """Return whom a request is about, and what else names them from now on."""
        ...


@dataclass
class FhirShelf:
    """Any FHIR server: `heeds` tells whether it heeds the conditions under which to create."""

    heeds: bool = True
    created: list[str] = field(default_factory=list)
    kept: dict[str, Json] = field(default_factory=dict)

    def put(self, body: Json) -> tuple[int, str, Json]:
        outcomes = [self._one(entry) for entry in body["entry"]]
        return 200, "", {"resourceType": "Bundle", "entry": outcomes}

    def _one(self, entry: Json) -> Json:
        resource = entry["resource"]
        (condition,) = parse_qs(entry["request"]["ifNoneExist"])["identifier"]
        names = {tuple(item.split("|")) for item in condition.split(",")}
        there = [name for name, each in self.kept.items() if names & _identifiers(each)]
        is_reading = "category" in resource
        if there and (self.heeds or not is_reading):
            return {"response": {"status": "200 OK", "location": there[0]}}
        name = f"{resource['resourceType']}/{len(self.kept)}"
        self.kept[name] = {**resource, "id": name.partition("/")[2]}
        if is_reading:
            self.created.append(resource["identifier"][-1]["value"])
        return {"response": {"status": "201 Created", "location": f"{name}/_history/1"}}

    def get(self, path: str, query: dict[str, list[str]]) -> Json:
        if "identifier" not in query:
            return self.kept["/".join(path.split("/")[-2:])]
        wanted = tuple(query["identifier"][0].split("|"))
        return _found([each for each in self.kept.values() if wanted in _identifiers(each)])

    def update(self, path: str, body: Json) -> None:
        """Put a resource in the place of the one of that name."""
        name = "/".join(path.split("/")[-2:])
        assert name in self.kept
        self.kept[name] = body

    def standing(self) -> list[str]:
        """Return the reading's own identifier of every Observation that stands, in order."""
        observations = [each for each in self.kept.values() if "category" in each]
        standing = [each for each in observations if each["status"] != "entered-in-error"]
        return [each["identifier"][-1]["value"] for each in standing]

    def names(self, body: Json) -> tuple[str, set[str]]:
        if "entry" not in body:  # an update, named as what was created
            return "", set()
        whose = next(_value(e) for e in body["entry"] if _is(e, "Patient"))
        return whose, {_value(entry) for entry in body["entry"] if _is(entry, "Observation")}


@dataclass
class MesShelf:
    """Mon espace santé: it knows no repeated Observation from a new one."""

    created: list[str] = field(default_factory=list)
    kept: list[Json] = field(default_factory=list)

    def put(self, body: Json) -> tuple[int, str, Json]:
        outcomes = []
        for entry in body["entry"]:
            resource = entry["resource"]
            if resource["resourceType"] == "Observation":
                self.created.append(resource["id"])
                self.kept.append({**resource, "id": str(len(self.kept)), "device": {}})
            name = f"{resource['resourceType']}/{len(self.kept) - 1}"
            outcomes.append({"response": {"status": "201 Created", "location": name}})
        answer = {"resourceType": "Bundle", "type": "transaction-response", "entry": outcomes}
        return 200, "", answer

    def get(self, path: str, query: dict[str, list[str]]) -> Json:
        assert path.endswith("/Observation")
        whose, code = query["subject.identifier"][0].split("|")[1], query["code"][0]
        first, last = (datetime.fromisoformat(each[2:]) for each in query["date"])
        return _found(
            [
                each
                for each in self.kept
                if each["subject"]["identifier"]["value"] == whose
                and code in [coding["code"] for coding in each["code"]["coding"]]
                and first <= datetime.fromisoformat(each["effectiveDateTime"]) <= last
            ]
        )

    def names(self, body: Json) -> tuple[str, set[str]]:
        return body["entry"][0]["resource"]["subject"]["identifier"]["value"], set()


@dataclass
class DocumentShelf:
    """A FHIR server for documents, which takes whatever comes."""

    created: list[str] = field(default_factory=list)
    kept: list[Json] = field(default_factory=list)

    def put(self, body: Json) -> tuple[int, str, Json]:
        self.created.append(body["masterIdentifier"]["value"])
        self.kept.append({**body, "id": str(len(self.kept))})
        return 201, f"DocumentReference/{len(self.kept) - 1}", {}

    def get(self, path: str, query: dict[str, list[str]]) -> Json:
        assert path.endswith("/DocumentReference")
        wanted = query["identifier"][0].partition("|")[2]
        return _found([each for each in self.kept if each["masterIdentifier"]["value"] == wanted])

    def names(self, body: Json) -> tuple[str, set[str]]:
        return body["subject"]["identifier"]["value"], {body["masterIdentifier"]["value"]}


class Moody:
    """A destination of any mood: who comes is served, hung up on, or left waiting."""

    def __init__(self) -> None:
        self.mood = "takes"
        self._received: list[bytearray] = []
        self._silent = asyncio.Event()
        """Set once a silent destination hangs up on everybody."""
        self._talks: set[asyncio.StreamWriter] = set()
        self._asked = asyncio.Event()

    async def open(self) -> int:
        """Listen; return the port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def close(self) -> None:
        self._silent.set()
        self._server.close()
        for writer in self._talks:
            writer.transport.abort()
        await self._server.wait_closed()

    def be(self, mood: str) -> None:
        """Change the mood; who was left without an answer is hung up on."""
        self.mood = mood
        self._silent.set()

    async def asked_within(self, seconds: float) -> None:
        """Wait until a request was dealt with, at most so long."""
        self._asked.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._asked.wait()

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer until nothing more comes, or there is no answer."""
        raise NotImplementedError

    async def be_silent(self) -> None:
        """Wait until the mood changes."""
        self._silent.clear()
        await self._silent.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._talks.add(writer)
        try:
            await self.talk(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._talks.discard(writer)
            writer.transport.abort()


class Server(Moody):
    """Does with requests what its mood says, and forgets no byte."""

    def __init__(self, shelf: Shelf) -> None:
        super().__init__()
        self.shelf = shelf
        self._names: dict[str, set[str]] = {}

    async def listen(self) -> str:
        return f"http://127.0.0.1:{await self.open()}/there"

    @property
    def created(self) -> list[str]:
        """What the gateway calls each thing that was created, in order."""
        return self.shelf.created

    def bytes_about(self, who: str) -> int:
        """Count the bytes of every request that names this person, or a thing of theirs."""
        names = [each.encode() for each in {who} | self._names.get(who, set())]
        return sum(len(each) for each in self._received if any(name in each for name in names))

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            received = bytearray()
            self._received.append(received)
            while (request := _request(received)) is None:
                piece = await reader.read(65536)
                if not piece:
                    return
                received += piece
            self._asked.set()
            answer = await self._answer(*request)
            if answer is None:
                return
            writer.write(answer)
            await writer.drain()

    async def _answer(self, method: str, target: str, body: Json) -> bytes | None:
        """Return the answer; None if there is none and the connection breaks."""
        if body:
            whose, names = self.shelf.names(body)
            self._names.setdefault(whose, set()).update(names)
        if self.mood == "is silent":
            await self.be_silent()
            return None
        if self.mood == "loses requests":
            return None
        if self.mood in ("is busy", "rejects"):
            return (_LATER if self.mood == "is busy" else _NO).encode()
        url = urlsplit(target)
        if method == "POST":
            status, location, answer = self.shelf.put(body)
        elif method == "PUT":
            assert isinstance(self.shelf, FhirShelf)
            self.shelf.update(url.path, body)
            status, location, answer = 200, "", body
        else:
            status, location, answer = 200, "", self.shelf.get(url.path, parse_qs(url.query))
        if self.mood == "loses answers":
            return None
        content = json.dumps(answer)
        head = f"HTTP/1.1 {status} Yes\r\nLocation: {location}\r\nContent-Length: {len(content)}"
        return f"{head}\r\n\r\n{content}".encode()


def _request(received: bytearray) -> tuple[str, str, Json] | None:
    """Return method, target and body of a request, once all of it is there."""
    head, end, body = bytes(received).partition(b"\r\n\r\n")
    if not end:
        return None
    first, *headers = head.decode().split("\r\n")
    lengths = [each.partition(":")[2] for each in headers if each.lower().startswith("content-len")]
    if len(body) < sum(map(int, lengths)):
        return None
    method, target, _ = first.split(" ")
    return method, target, json.loads(body) if body else {}


def _identifiers(resource: Json) -> set[tuple[str, str]]:
    return {(each["system"], each["value"]) for each in resource["identifier"]}


def _is(entry: Json, kind: str) -> bool:
    return bool(entry["resource"]["resourceType"] == kind)


def _value(entry: Json) -> str:
    """Return the last identifier, which is a reading's own."""
    return str(entry["resource"]["identifier"][-1]["value"])


def _found(resources: list[Json]) -> Json:
    entries = [{"resource": each} for each in resources]
    return {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries}
