"""How an archive is refused."""


class ReaderError(Exception):
    exit_code = 1


class NotAnArchive(ReaderError):
    """It does not look like an archive at all."""


class NewerVersion(ReaderError):
    """A version or an incompatible feature that this reader does not know."""


class Damaged(ReaderError):
    """Something breaks a requirement of the specification.

    requirement: "F-033", or "section 3" where a constraint has no number.
    where:       file and offset, or object and field.
    """

    exit_code = 4

    def __init__(self, requirement: str, where: str, message: str):
        super().__init__(f"{requirement}: {where}: {message}")
        self.requirement = requirement
        self.where = where
