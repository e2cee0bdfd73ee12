"""How good the clustering is: on the labelled sets, and over the robustness suite.

Without options: the table of the labelled sets (RUSHES_TEST_DATA), every reference beside the product, worst and mean
of the arrival orders; what a profile is worth at arrival tells `rushes evaluate --profile`. With --suite: 444
variations of the sets and of synthetic material, by family and half; choose on `--half dev`, report both. --items
makes libraries of that size of it. A run that was stopped goes on where it was (--out keeps one JSON line for each
variation). --policy takes `calibrated`, `calibrated-warm` (with a prior from another library of the model; of the suite
only), `fixed`, a reference (`best-cut`, `neighbours`, `greedy-oracle`), or `module:function` of an engine of your own
(`rushes.processors.evaluation.running.Engine`). --plot draws into docs/images.
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Final

from environment import describe
from identity_sets import draw_sets, measured, print_lines
from identity_suite import rows, variations
from identity_tables import draw_suite, suite_table

IMAGES: Final = Path(__file__).resolve().parent.parent / "docs/images"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", action="store_true", help="the robustness suite instead of the labelled sets")
    parser.add_argument("--half", choices=("dev", "held", "both"), default="dev", help="of the suite (default: dev)")
    parser.add_argument("--items", type=int, help="the suite's families of vectors only, each of about so many items")
    parser.add_argument("--orders", type=int, default=20, help="arrival orders (default: 20)")
    parser.add_argument("--policy", default="calibrated")
    parser.add_argument("--family", action="append", help="only this family; may be repeated")
    parser.add_argument("--name", help="only variations whose name holds this")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--out", type=Path, help="JSON lines of every variation; a stopped run goes on from there")
    parser.add_argument("--json", action="store_true", help="the suite's rows as JSON lines instead of the table")
    parser.add_argument("--plot", action="store_true", help="draw into docs/images")
    asked = parser.parse_args()
    print(describe("numpy", "scipy"), file=sys.stderr if asked.json else sys.stdout)
    if not asked.suite:
        lines = measured(asked.policy, asked.orders)
        print_lines(lines)
        if asked.plot:
            draw_sets(lines, IMAGES / "identity-sets.png")
        return
    names = [
        name
        for name, variation in variations(asked.items).items()
        if asked.half in {"both", variation.half.value}
        and (asked.family is None or variation.family in asked.family)
        and (asked.name is None or asked.name in name)
    ]
    found = rows(names, asked.policy, asked.orders, jobs=asked.jobs, out=asked.out, items=asked.items)
    if asked.json:
        for row in found:
            print(json.dumps(asdict(row)))
    else:
        suite_table(found)
    if asked.plot:
        draw_suite(found, IMAGES / "identity-suite.png")


if __name__ == "__main__":
    main()
