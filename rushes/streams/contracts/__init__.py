"""The contract documents: JSON Schema of every event and an AsyncAPI document, made from the code, checked for drift.

``python -m rushes.streams.contracts`` writes them, with ``--check`` it says what has drifted.
"""

from rushes.streams.contracts.documents import Drift, check_documents, write_documents

__all__ = ["Drift", "check_documents", "write_documents"]
