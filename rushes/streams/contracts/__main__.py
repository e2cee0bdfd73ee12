"""Write the contract documents, or say what has drifted: ``python -m rushes.streams.contracts [--check] [FOLDER]``."""

import argparse
import sys
from pathlib import Path

from rushes.streams.contracts.documents import check_documents, write_documents

DEFAULT_FOLDER = Path("docs/contracts")


def main() -> int:
    """Exit status: 1 where documents have drifted."""
    parser = argparse.ArgumentParser(prog="python -m rushes.streams.contracts", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=DEFAULT_FOLDER)
    parser.add_argument("--check", action="store_true", help="write nothing, say what has drifted")
    arguments = parser.parse_args()
    if arguments.check:
        drifts = check_documents(arguments.folder)
        sys.stdout.writelines(f"{drift}\n" for drift in drifts)
        return 1 if drifts else 0
    written = write_documents(arguments.folder)
    sys.stdout.write(f"wrote {len(written)} documents to {arguments.folder}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
