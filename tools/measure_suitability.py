"""Count how often each suitability flag is raised on the real CT volumes of a manifest, as they are and turned.

    python tools/measure_suitability.py ../shared/data/manifest.csv

The pictures of one patient in order make a volume without geometry, so that what needs millimeters or Hounsfield units
is not tested on them. Prints one table in Markdown.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from model_training.manifest import read_manifest, slice_positions
from strokeapp.inference.suitability import examine
from strokeapp.types import Modality, Plane, Scan, Sequence, Units

LEAST_SLICES = 12
WHOLE_VOLUMES = ("ct_ich", "phe_sich")
"""Sets whose patients have every slice; others name sessions, but hold only slices with a lesion."""
WAYS = {
    "as it is": lambda voxels: voxels,
    "upside down": lambda voxels: voxels[:, ::-1, ::-1],
    "on its side": lambda voxels: np.rot90(voxels, axes=(1, 2)),
    "reversed": lambda voxels: voxels[::-1],
}


def volumes(manifest: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (dataset and patient, (slices, rows, columns) uint8) of every patient with a volume of CT."""
    table = read_manifest(manifest)
    table = table.assign(place=slice_positions(table))[table["dataset"].isin(WHOLE_VOLUMES)]
    for (dataset, patient), part in table.groupby(["dataset", "patient"], sort=True):
        ordered = part.sort_values("place")
        if len(ordered) >= LEAST_SLICES:
            pictures = [Image.open(manifest.parent / path).convert("L") for path in ordered["path"]]
            size = pictures[0].size
            yield f"{dataset} {patient}", np.stack([np.asarray(one.resize(size)) for one in pictures])


def found(voxels: np.ndarray) -> list[tuple[str, str]]:
    """Return (code, severity) of every flag, and the reason for an abstention that is no flag."""
    scan = Scan(np.ascontiguousarray(voxels), None, Modality.PICTURE, Sequence.UNKNOWN, Units.GRAY, Plane.UNKNOWN)
    result = examine(scan)
    codes = [(flag.code, flag.severity.value) for flag in result.scan.flags]
    if result.abstention is not None and result.abstention.code not in {code for code, _ in codes}:
        codes.append((result.abstention.code, "no reading"))
    return codes


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--names", action="store_true", help="list the volumes of each flag too")
    args = parser.parse_args()
    counts, names, number = Counter(), {}, 0
    for name, voxels in tqdm(volumes(args.manifest), unit="volume"):
        number += 1
        for way, turn in WAYS.items():
            for code, severity in set(found(turn(voxels))):
                counts[way, code, severity] += 1
                names.setdefault((way, code, severity), []).append(name)
    print(f"{number} volumes\n\n| volume | flag | severity | volumes |\n|---|---|---|---|")
    for (way, code, severity), count in sorted(counts.items(), key=lambda item: (list(WAYS).index(item[0][0]), item)):
        listed = f" ({', '.join(names[way, code, severity])})" if args.names and way == "as it is" else ""
        print(f"| {way} | `{code}` | {severity} | {count}{listed} |")


if __name__ == "__main__":
    main()
