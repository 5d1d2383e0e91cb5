"""Checks everything in an archive: every byte of every segment, and all that snapshots name."""

from .archive import Archive
from .codec import MAX_NESTING
from .errors import Damaged
from .objects import DECODE, KIND_NAMES
from .segment import ObjectEntry
from .table import check_tables
from .walk import Directory, check_content


def verify(archive: Archive) -> list[Damaged]:
    return archive.settled(lambda: (None, check(archive)))[1]


def check(archive: Archive) -> list[Damaged]:
    problems = list(archive.problems)
    baseless = check_bytes(archive, problems)
    archive.asked.clear()
    archive.lists.clear()  # what is known of a list is not asked for again
    heights: dict[bytes, int] = {}
    moments, unfit = archive.catalogue()
    problems += unfit
    for moment in moments:
        check_tree(archive, moment.snapshot.root, heights, problems)
    needed = with_bases(archive, archive.asked) if baseless else set()
    problems += [damage for id, damage in baseless if id in needed and not archive.copies(id)]
    problems += check_tables(archive)
    unique: dict[str, Damaged] = {}
    for problem in problems:
        unique.setdefault(str(problem), problem)
    return list(unique.values())


def with_bases(archive: Archive, ids: set[bytes]) -> set[bytes]:
    """These objects, and all that copies of them are made from."""
    needed, ahead = set(ids), list(ids)
    while ahead:
        id = ahead.pop()
        for segment in archive.segments:
            entry = segment.find(id)
            delta = segment.delta_of(entry) if entry else None
            if delta and delta.base not in needed:
                needed.add(delta.base)
                ahead.append(delta.base)
    return needed


def check_bytes(archive: Archive, problems: list[Damaged]) -> list[tuple[bytes, Damaged]]:
    """Every block, and every object in it, whether something names it or not.

    Copies that turn out bad are noted in the archive, so that what needs them is told later. The answer is the
    deltas that lack a base: damage only if a snapshot needs them and no other copy is good (F-045).
    """
    baseless: list[tuple[bytes, Damaged]] = []
    for segment in archive.segments:
        objects_of: list[list[ObjectEntry]] = [[] for _ in range(segment.blocks)]
        for index in range(segment.objects):
            entry = segment.object_entry(index)
            objects_of[entry.block].append(entry)
        for block, entries in enumerate(objects_of):
            try:
                archive.block(segment, block)
            except Damaged as damage:
                problems.append(damage)
                archive.bad_copies.update((segment.seal, entry.id) for entry in entries)
                continue
            for entry in entries:
                try:
                    plain = archive.read_copy(segment, entry)
                except Damaged as damage:
                    delta = segment.delta_of(entry)
                    if delta and archive.lacks_a_base(delta.base):
                        baseless.append((entry.id, damage))
                    else:
                        problems.append(damage)
                    archive.bad_copies.add((segment.seal, entry.id))
                    continue
                try:
                    DECODE[entry.kind](plain, f"{KIND_NAMES[entry.kind]} {entry.id.hex()}")
                except Damaged as damage:
                    problems.append(damage)
    return baseless


def check_tree(archive: Archive, root: bytes, heights: dict[bytes, int], problems: list[Damaged]):
    """A tree with everything below it; each directory once, however often it occurs.

    heights: the levels of directories below each tree that has been checked (F-077).
    """
    stack: list[list] = []  # tree id, directory, height

    def enter(id: bytes):
        try:
            stack.append([id, Directory(archive, id), 0])
        except Damaged as damage:
            problems.append(damage)
            heights[id] = 0

    if root not in heights:
        enter(root)
    while stack:
        frame = stack[-1]
        id, directory, height = frame
        try:
            entry = directory.next()
            if entry and entry.type == "dir" and len(stack) >= MAX_NESTING:
                directory.fail("F-077", f"a directory on level {MAX_NESTING}")
        except Damaged as damage:
            problems.append(damage)
            entry = None
        if entry is None:
            heights[id] = height
            stack.pop()
            if stack:
                stack[-1][2] = max(stack[-1][2], height + 1)
            continue
        try:
            if entry.type == "file":
                check_content(archive, entry)
            elif entry.type == "dir":
                child = entry.node[0]
                if child not in heights:
                    enter(child)
                else:
                    frame[2] = max(frame[2], heights[child] + 1)
                    if len(stack) + heights[child] >= MAX_NESTING:
                        directory.fail("F-077", f"a directory on level {MAX_NESTING}")
        except Damaged as damage:
            problems.append(damage)
