"""Everything that is written at the end of a run, in one call."""

from pathlib import Path

from rushes.infra.results.atomic import write_atomically
from rushes.infra.results.catalogue import arrange
from rushes.infra.results.rows import Results
from rushes.infra.results.sheet import write_sheet
from rushes.infra.results.summary import Summary, summarise
from rushes.infra.results.tables import assignments_jsonl, clusters_json, failed_jsonl


def write_results(out: Path, results: Results, title: str = "Rushes") -> Summary:
    """Write `assignments.jsonl`, `clusters.json`, `failed.jsonl` and the contact sheet into `out`.

    Each file is replaced in one step; the same results give the same bytes. `title` is shown on the sheet: the name
    of the folder that was sorted. Raises OSError where the folder can't be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    catalogue = arrange(results)
    summary = summarise(catalogue, results)
    write_atomically(out / "assignments.jsonl", assignments_jsonl(results))
    write_atomically(out / "clusters.json", clusters_json(results))
    write_atomically(out / "failed.jsonl", failed_jsonl(results.files))
    write_sheet(out, catalogue, summary, title)
    return summary
