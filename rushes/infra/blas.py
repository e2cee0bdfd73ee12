"""Threads of BLAS in this process: by itself it takes one for each core, whoever else computes there."""

import structlog
import threadpoolctl

_log = structlog.get_logger(__name__)


def limit_blas() -> None:
    """One thread, from here on and in every library of BLAS that is loaded."""
    before = _threads()
    threadpoolctl.threadpool_limits(1, user_api="blas")
    _log.info("threads of BLAS limited", before=before, now=_threads())


def _threads() -> list[int]:
    """Of each library loaded."""
    return [library["num_threads"] for library in threadpoolctl.threadpool_info() if library["user_api"] == "blas"]
