"""Checks this reader against test vectors: python check_vectors.py VECTORS_DIR (see README.md)."""

import json
import re
import sys
from pathlib import Path
from urllib.parse import unquote_to_bytes

from blake3 import blake3

from restante_reader.archive import Archive
from restante_reader.cut import Parameters, chunk_lengths
from restante_reader.errors import Damaged, NewerVersion, NotAnArchive, ReaderError
from restante_reader.objects import (CHUNK, CHUNK_LIST, CONTENTS, DECODE, KIND_NAMES, PAGE, SYNTHETIC,
                                     TORN, TREE, Entry, Inner, decode_snapshot, object_id, snapshot_id,
                                     tick_id)
from restante_reader.restore import show
from restante_reader.verify import verify
from restante_reader.walk import content, walk

KINDS = {name.replace(" ", "-"): kind for kind, name in KIND_NAMES.items()}
SNAPSHOT, TICK = "snapshot", "tick"  # not objects, but with ids of their own
CLASSES = {"damaged": Damaged, "newer": NewerVersion, "not-an-archive": NotAnArchive}
ZEROS = bytes(1 << 20)


class Wrong(Exception):
    """The reader and a vector disagree."""


def difference(where: str, expected, found):
    """Raises Wrong at the first place where two JSON values differ."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for key in sorted(expected.keys() | found.keys()):
            if key not in expected or key not in found:
                raise Wrong(f"{where}.{key}: only {'found' if key in found else 'expected'}")
            difference(f"{where}.{key}", expected[key], found[key])
    elif isinstance(expected, list) and isinstance(found, list):
        if len(expected) != len(found):
            raise Wrong(f"{where}: {len(expected)} items expected, {len(found)} found")
        for i, (a, b) in enumerate(zip(expected, found)):
            difference(f"{where}[{i}]", a, b)
    elif expected != found or isinstance(expected, bool) != isinstance(found, bool):
        raise Wrong(f"{where}: {expected!r:.200} expected, {found!r:.200} found")


def note_requirement(name: str, why: str, errors: list[ReaderError]):
    """A case that is rejected for another reason than its own is worth a look, no failure."""
    named = re.match(r"F-\d+", why or "")
    found = [getattr(error, "requirement", type(error).__name__) for error in errors]
    if named and named[0] not in found:
        print(f"  note: {name}: rejected for {', '.join(found)}, the case says {named[0]}")


# Chunking

def make_input(given: dict) -> bytes:
    length = given["length"]
    if given["kind"] == "zeros":
        return bytes(length)
    if given["kind"] == "xof":
        return blake3(given["text"].encode()).digest(length=length)
    if given["kind"] == "periodic":
        period = blake3(given["text"].encode()).digest(length=given["period"])
        return (period * (length // len(period) + 1))[:length]
    raise Wrong(f"unknown kind of input {given['kind']!r}")


def number(value) -> int:
    return int(value, 0) if isinstance(value, str) else value


def check_chunking(vector: dict):
    p = vector["params"]
    parameters = Parameters(*(number(p[key]) for key in ("min", "avg", "max", "mask_s", "mask_l")),
                            bytes.fromhex(p["seed"]))
    difference("lengths", vector["lengths"], chunk_lengths(make_input(vector["input"]), parameters))


# Objects

def hex_or_none(value: bytes | None) -> str | None:
    return value if value is None else value.hex()


def render_entry(entry: Entry) -> dict:
    node: dict = {"type": entry.type}
    if entry.type == "file":
        size, kind, id = entry.node
        node["size"] = size
        node["content"] = {"kind": ("empty", "chunk", "chunk-list")[kind]}
        if id:
            node["content"]["id"] = id.hex()
    elif entry.type == "dir":
        node["tree"] = entry.node[0].hex()
    elif entry.type == "symlink":
        node["target"] = entry.node[0].hex()
    elif entry.type in ("block", "char"):
        node["major"], node["minor"] = entry.node
    return {"name": entry.name.hex(), "node": node, "flags": entry.flags, "mode": entry.mode,
            "owner": entry.owner_index, "mtime": list(entry.mtime), "ctime": list(entry.ctime),
            "device": entry.device, "inode": entry.inode, "links": entry.links,
            "xattrs": [[name.hex(), value.hex()] for name, value in entry.xattrs]}


def render_object(kind: int, decoded) -> dict:
    if kind == CHUNK:
        return {"bytes": decoded.hex()}
    if kind == CHUNK_LIST:
        return {"level": decoded.level,
                "items": [{"length": item.length, "id": hex_or_none(item.id)}
                          for item in decoded.items]}
    if kind == TREE and isinstance(decoded, Inner):
        return {"variant": "inner", "level": decoded.level,
                "children": [{"first": child.first.hex(), "id": child.id.hex()}
                             for child in decoded.children]}
    if kind == TREE:
        return {"variant": "leaf",
                "owners": [{"uid": owner.uid, "gid": owner.gid, "user": owner.user.hex(),
                            "group": owner.group.hex()} for owner in decoded.owners],
                "entries": [render_entry(entry) for entry in decoded.entries]}
    if kind == PAGE:
        return {"entries": [{"snapshot": entry.plain.hex(), "times": [list(when) for when in entry.times]}
                            for entry in decoded.entries]}
    if kind == CONTENTS:
        return {"pages": [{"id": note.id.hex(), "first": list(note.first), "last": list(note.last),
                           "moments": note.moments} for note in decoded.pages],
                "series": [{"host": one.host, "connector": one.connector,
                            "paths": [path.hex() for path in one.paths], "newest": list(one.newest)}
                           for one in decoded.series]}
    if kind == TICK:
        return {"state": decoded[0].hex(), "time": list(decoded[1])}
    s = decoded
    return {"time": list(s.time), "host": s.host, "connector": s.connector,
            "paths": [path.hex() for path in s.paths], "tags": s.tags, "root": s.root.hex(),
            "parent": hex_or_none(s.parent), "program": s.program, "files": s.files, "dirs": s.dirs,
            "bytes": s.bytes, "changed_files": s.changed_files, "read_bytes": s.read_bytes,
            "new_objects": s.new_objects, "stored_bytes": s.stored_bytes,
            "torn_count": s.torn_count, "unreadable_count": s.unreadable_count,
            "torn": [path.hex() for path in s.torn],
            "unreadable": [[path.hex(), reason] for path, reason in s.unreadable]}


def decode_tick(plain: bytes):
    """The state's id and the time, of which the id of a tick is made."""
    return plain[:32], (int.from_bytes(plain[32:40], "little", signed=True),
                        int.from_bytes(plain[40:44], "little"))


def check_object(vector: dict):
    name, plain = vector["kind"], bytes.fromhex(vector["plain"])
    kind = name if name in (SNAPSHOT, TICK) else KINDS[name]
    decode = {SNAPSHOT: decode_snapshot, TICK: decode_tick, **DECODE}[kind]
    make_id = {SNAPSHOT: snapshot_id, TICK: lambda plain: tick_id(*decode_tick(plain))}
    try:
        decoded = decode(plain)
    except Damaged as damage:
        if vector["accept"]:
            raise Wrong(f"rejected: {damage}") from damage
        note_requirement(vector["name"], vector.get("why"), [damage])
        return
    if not vector["accept"]:
        raise Wrong(f"accepted, but {vector.get('why')}")
    difference("id", vector["id"], make_id.get(kind, lambda plain: object_id(kind, plain))(plain).hex())
    if vector.get("decoded") is not None:
        difference("decoded", vector["decoded"], render_object(kind, decoded))


# Archives

def render_path(archive: Archive, entry: Entry, wanted: dict) -> dict:
    """All fields that a case may tell of an entry; it tells those that it likes."""
    found = {"type": entry.type, "mode": entry.mode, "uid": entry.owner.uid,
             "gid": entry.owner.gid, "user": show(entry.owner.user),
             "group": show(entry.owner.group), "mtime": list(entry.mtime),
             "ctime": list(entry.ctime), "device": entry.device, "inode": entry.inode,
             "links": entry.links, "torn": bool(entry.flags & TORN),
             "synthetic": bool(entry.flags & SYNTHETIC),
             "xattrs": {show(name): value.hex() for name, value in entry.xattrs}}
    if entry.type == "file":
        found["size"] = entry.node[0]
        if "blake3" in wanted or "holes" in wanted:
            found["blake3"], found["holes"] = read_content(archive, entry)
    elif entry.type == "symlink":
        found["target"] = show(entry.node[0])
        if "target" in wanted and unquote_to_bytes(wanted["target"]) == entry.node[0]:
            found["target"] = wanted["target"]
    elif entry.type in ("block", "char"):
        found["major"], found["minor"] = entry.node
    return found


def read_content(archive: Archive, entry: Entry) -> tuple[str, list[list[int]]]:
    """The hash of a file with its holes as zeros, and its holes."""
    hasher, holes, offset = blake3(), [], 0
    for length, data in content(archive, entry):
        if data is not None:
            hasher.update(data)
        else:
            if holes and sum(holes[-1]) == offset:
                holes[-1][1] += length
            else:
                holes.append([offset, length])
            for start in range(0, length, len(ZEROS)):
                hasher.update(ZEROS[:length - start])
        offset += length
    return hasher.hexdigest(), holes


def check_accepted(archive: Archive, case: dict):
    moments = archive.moments()
    difference("snapshots", sorted(case["snapshots"]), sorted(moment.id.hex() for moment in moments))
    difference("moments", case["moments"], [[moment.id.hex(), *moment.time] for moment in moments])
    snapshots = {moment.id.hex(): moment.snapshot for moment in moments}

    def fail(path, damage):
        raise damage
    for id, paths in case["snapshots"].items():
        if paths is None:
            continue
        expected = {unquote_to_bytes(path): fields for path, fields in paths.items()}
        seen = set()
        for event, entry, parts in walk(archive, snapshots[id].root, fail):
            if event == "leave":
                continue
            path = b"/".join(parts)
            where = f"{id[:8]}:{show(path)}"
            if path not in expected:
                raise Wrong(f"{where}: only found")
            seen.add(path)
            found = render_path(archive, entry, expected[path])
            difference(where, expected[path],
                       {key: found[key] for key in expected[path] if key in found})
        if missing := expected.keys() - seen:
            raise Wrong(f"{id[:8]}:{show(min(missing))}: only expected")


def check_archive(folder: Path):
    case = json.loads((folder / "case.json").read_text("utf-8"))
    path = folder / "archive"
    if not path.exists():
        path = folder / "archive.rst"
    errors: list[ReaderError] = []
    try:
        archive = Archive(str(path))
        errors += verify(archive)
    except ReaderError as error:
        errors.append(error)
    if case["accept"]:
        if errors:
            raise Wrong(f"rejected: {errors[0]}")
        check_accepted(archive, case)
        return
    if not errors:
        raise Wrong(f"accepted, but {case.get('why')}")
    if not isinstance(errors[0], CLASSES[case["class"]]):
        raise Wrong(f"rejected as {type(errors[0]).__name__}, not as {case['class']}: {errors[0]}")
    note_requirement(folder.name, case.get("why"), errors)
    if "snapshots" in case:
        # Opened again: what verify found out must not be needed.
        check_accepted(Archive(str(path)), case)


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    root = Path(sys.argv[1])
    sys.stdout.reconfigure(errors="backslashreplace")
    passed = failed = 0

    def group(name: str, vectors, check):
        nonlocal passed, failed
        good = bad = 0
        for label, vector in vectors:
            try:
                check(vector)
                good += 1
            except (Wrong, ReaderError, KeyError, TypeError, ValueError, OSError) as error:
                print(f"  FAILED: {name}: {label}: {type(error).__name__}: {error}")
                bad += 1
        if not good and not bad:
            print(f"  FAILED: {name}: no vectors")
            bad = 1
        print(f"{name}: {good} passed, {bad} failed")
        passed, failed = passed + good, failed + bad

    for name, check in (("chunking", check_chunking), ("objects", check_object)):
        file = root / f"{name}.json"
        vectors = json.loads(file.read_text("utf-8"))["vectors"] if file.is_file() else []
        group(name, [(vector["name"], vector) for vector in vectors], check)
    group("archives", [(file.parent.name, file.parent)
                       for file in sorted(root.glob("archives/*/case.json"))], check_archive)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
