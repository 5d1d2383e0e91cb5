"""python -m restante_reader snapshots|ls|restore|verify"""

import argparse
import os
import stat
import sys
import time

from .archive import Archive, Moment
from .errors import Damaged, ReaderError
from .objects import Snapshot
from .restore import restore, show
from .verify import verify
from .walk import walk

TYPE_LETTERS = {"file": "-", "dir": "d", "symlink": "l", "block": "b", "char": "c", "fifo": "p",
                "socket": "s"}


class NoSuchSnapshot(ReaderError):
    exit_code = 2


def warn(problem):
    print(problem, file=sys.stderr)


def readable(archive: Archive) -> list[Moment]:
    """The snapshots by their time, latest last; damaged pages are told and left out."""
    moments, problems = archive.catalogue()
    for damage in problems:
        archive.problems.append(damage)
        warn(damage)
    return moments


def choose(archive: Archive, name: str) -> Snapshot:
    moments = readable(archive)
    if name == "latest":
        if not moments:
            raise NoSuchSnapshot("the archive has no snapshot")
        return moments[-1].snapshot
    found = [moment for moment in moments if name and moment.id.hex().startswith(name.lower())]
    if len(found) != 1:
        raise NoSuchSnapshot(f"{len(found)} snapshots have an id that starts with {name!r}")
    return found[0].snapshot


def show_time(when: tuple[int, int]) -> str:
    seconds, nanoseconds = when
    try:
        return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{nanoseconds:09}Z"
    except (OverflowError, ValueError, OSError):
        return f"{seconds}.{nanoseconds:09}"


def show_text(text: str) -> str:
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


def command_snapshots(archive: Archive, _):
    for moment in readable(archive):
        snapshot = moment.snapshot
        tags = " ".join("#" + show_text(tag) for tag in snapshot.tags)
        paths = " ".join(show(path) for path in snapshot.paths)
        print(f"{moment.id.hex()} {show_time(moment.time)} {show_text(snapshot.host)} "
              f"files={snapshot.files} dirs={snapshot.dirs} bytes={snapshot.bytes} "
              f"{show_text(snapshot.connector or '')} {paths} {tags}".rstrip())


def command_ls(archive: Archive, arguments):
    def on_damage(path, damage):
        archive.problems.append(damage)
        warn(f"{show(b'/'.join(path[-20:]))}: {damage}")
    snapshot = choose(archive, arguments.snapshot)
    for event, entry, path in walk(archive, snapshot.root, on_damage):
        if event == "leave":
            continue
        mode = TYPE_LETTERS[entry.type] + stat.filemode(entry.mode)[1:]
        size = entry.node[0] if entry.type == "file" else 0
        to = f" -> {show(entry.node[0])}" if entry.type == "symlink" else ""
        print(f"{mode} {entry.owner.uid}:{entry.owner.gid} {size} {show_time(entry.mtime)} "
              f"{show(b'/'.join(path))}{to}")


def command_restore(archive: Archive, arguments):
    troubles = 0

    def note(text, is_problem):
        nonlocal troubles
        troubles += is_problem
        warn(text)
    snapshot = choose(archive, arguments.snapshot)
    archive.problems += restore(archive, snapshot, arguments.dir, note)
    return 3 if troubles else 0


def command_verify(archive: Archive, _):
    problems = verify(archive)
    archive.problems = problems
    for problem in problems:
        print(problem)
    objects = sum(segment.objects for segment in archive.segments)
    print(f"{len(archive.segments)} segments, {objects} objects, "
          f"{len(archive.snapshot_ids())} snapshots: {len(problems)} problems")


def main() -> int:
    parser = argparse.ArgumentParser(prog="restante_reader", description="Reads Restante archives.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, run, arguments in (("snapshots", command_snapshots, ()),
                                 ("ls", command_ls, ("snapshot",)),
                                 ("restore", command_restore, ("snapshot", "dir")),
                                 ("verify", command_verify, ())):
        command = commands.add_parser(name)
        command.set_defaults(run=run)
        for argument in ("archive",) + arguments:
            command.add_argument(argument)
    arguments = parser.parse_args()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")
    try:
        archive = Archive(arguments.archive)
        if arguments.command != "verify":
            for problem in archive.problems:
                warn(problem)
        code = arguments.run(archive, arguments)
        sys.stdout.flush()
        return Damaged.exit_code if archive.problems else code or 0
    except ReaderError as error:
        warn(error)
        return error.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        warn(error)
        return 1


if __name__ == "__main__":
    sys.exit(main())
