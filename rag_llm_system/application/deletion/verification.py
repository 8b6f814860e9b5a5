"""Verification: a receipt is checked, and every store is looked into again."""

from collections.abc import Sequence
from dataclasses import dataclass

from rag_llm_system.application.deletion.receipts import is_signed
from rag_llm_system.application.deletion.surroundings import CACHE, DOCUMENTS, USERS, Surroundings
from rag_llm_system.application.deletion.targets import n_held
from rag_llm_system.domain.deletions import FileScan, Receipt, Targets
from rag_llm_system.domain.errors import AccessError, IntegrityError

_MOST_FILES = 3


@dataclass(frozen=True, slots=True)
class Look:
    """What was found in one place of what should be gone.

    Args:
        place: the store, or "files: " and the name of a file or folder in the home.
        n_left: how many documents, points, runs or fingerprints.
        note: more about it; "" where there is nothing more to say.
    """

    place: str
    n_left: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a verification found.

    Args:
        looks: one a place.
        is_own_key: whether the receipt was signed by the key of this home.
        not_looked_into: places that may hold something and cannot be asked, now or when the receipt was signed.
    """

    looks: Sequence[Look]
    is_own_key: bool
    not_looked_into: Sequence[str] = ()

    @property
    def n_left(self) -> int:
        """How much is left in all."""
        return sum(look.n_left for look in self.looks)


def verify(receipt: Receipt, surroundings: Surroundings, *, public_key: str = "") -> Verdict:
    """Checks the signature, and looks into each store, each generation and every file for what the receipt says went.

    Args:
        public_key: (hex) that must have signed it; "": that of this home.

    Raises:
        IntegrityError: the signature does not belong to what stands in the receipt.
        AccessError: the receipt was signed by another key.
    """
    own_key = surroundings.signer.public_key()
    if not is_signed(receipt, surroundings.signer):
        raise IntegrityError("the receipt was changed after it was signed: nothing that it says can be relied upon.")
    if receipt.public_key != (public_key or own_key):
        whose = "the key that was given" if public_key else "the key of this RAG_HOME"
        what = f"the receipt was signed by another key than {whose} ({receipt.public_key[:16]}…)"
        raise AccessError(f"{what}: where that key is known to be right, give it with --public-key.")
    targets = Targets(documents=receipt.documents, author_ids=receipt.author_ids)
    looks = [*_stored(surroundings, targets), *_generations(surroundings, targets)]
    looks += [_in_files(scan) for scan in surroundings.scanner.scan(receipt.fingerprints)]
    unasked = sorted({*surroundings.not_looked_into, *receipt.not_looked_into})
    return Verdict(looks, receipt.public_key == own_key, unasked)


def require_nothing_left(verdict: Verdict) -> None:
    """Makes sure that the verification found nothing.

    Raises:
        IntegrityError: it found something; the message names the places.
    """
    places = [look.place for look in verdict.looks if look.n_left]
    if places:
        if {DOCUMENTS, USERS} & {*places}:
            what = "some of what was deleted was stored again afterwards"
            raise IntegrityError(f"{what} ({', '.join(places)}): delete it again, or keep it.")
        raise IntegrityError(
            f"some of what was deleted is left in {', '.join(places)}: see the table, remove it there."
        )


def receipt_looks(receipt: Receipt) -> list[Look]:
    """Gives what was left when the receipt was signed."""
    looks = [Look(count.store, count.after, f"before: {count.before:,}") for count in receipt.stores]
    before = {scan.store: scan for scan in receipt.scans_before}
    for scan in receipt.scans_after:
        n_before = before[scan.store].n_found if scan.store in before else 0
        look = _in_files(scan)
        looks.append(Look(look.place, look.n_left, f"before: {n_before:,}; {look.note}"))
    gone = sorted({*before} - {scan.store for scan in receipt.scans_after})
    return looks + [
        Look(f"files: {name}", 0, f"before: {before[name].n_found:,}; no such file any more") for name in gone
    ]


def _stored(surroundings: Surroundings, targets: Targets) -> list[Look]:
    counts = surroundings.held(targets, None)
    counts.pop(CACHE, None)  # it holds others' vectors by now: what it holds of these is seen in its files
    return [
        Look(store, n, "stored again after the deletion" if n and store in (DOCUMENTS, USERS) else "")
        for store, n in counts.items()
    ]


def _generations(surroundings: Surroundings, targets: Targets) -> list[Look]:
    looks = []
    for generation in surroundings.generations():
        with surroundings.open_generation(generation.number) as opened:
            held = n_held(opened, targets.documents)
        where = ", ".join(f"{n} in {name}" for name, n in held.items() if n)
        state = "live" if generation.is_live else "older"
        looks.append(Look(f"index: generation {generation.number}", sum(held.values()), where or state))
    return looks


def _in_files(scan: FileScan) -> Look:
    size = f"{scan.n_files:,} files, {scan.n_bytes / 1e6:,.1f} MB read"
    shown = [*scan.files][:_MOST_FILES]
    more = f" and {len(scan.files) - _MOST_FILES} more" if len(scan.files) > _MOST_FILES else ""
    kinds = ", ".join(f"{n} {kind}" for kind, n in scan.found.items())
    note = f"{kinds} in {', '.join(shown)}{more}; {size}" if shown else size
    return Look(f"files: {scan.store}", scan.n_found, note)
