"""Proves that a deletion holds: checks the receipt's signature, then looks into every store and every file again."""

import argparse

from rag_llm_system.bootstrap.deletion import load_receipt, open_surroundings
from rag_llm_system.settings import load_settings
from tools.command_line import caller_path, run_tool
from tools.deletion_page import look_lines, print_unasked, run_histories


def main() -> None:
    """Prints what is left where, and fails where anything is."""
    parser = argparse.ArgumentParser(prog="poe verify-deletion", description=__doc__)
    parser.add_argument("receipt", metavar="RECEIPT", help="the file that ./poe delete wrote")
    parser.add_argument("--public-key", default="", metavar="HEX", help="who must have signed it, if not this RAG_HOME")
    arguments = parser.parse_args()
    from rag_llm_system.application.deletion.verification import require_nothing_left, verify

    receipt = load_receipt(caller_path(arguments.receipt))
    histories, folders, unasked = run_histories()
    with open_surroundings(
        load_settings(), histories=histories, folders=folders, not_looked_into=unasked
    ) as surroundings:
        verdict = verify(receipt, surroundings, public_key=arguments.public_key)
    whose = "this RAG_HOME" if verdict.is_own_key else "another RAG_HOME, as was asked for"
    print(f"signed by the key of {whose} ({receipt.public_key[:16]}…) at {receipt.deleted_at}", "     left", sep="\n")
    print(*look_lines(verdict.looks), sep="\n")
    print_unasked(verdict.not_looked_into)
    require_nothing_left(verdict)
    looked_for = ", ".join(f"{n:,} {kind}" for kind, n in receipt.fingerprints.n_by_kind().items()) or "none"
    print(f"nothing is left of {len(receipt.documents):,} documents; fingerprints looked for: {looked_for}")


if __name__ == "__main__":
    run_tool(main)
