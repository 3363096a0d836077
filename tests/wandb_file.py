"""What a W&B run has written: a .wandb file is LevelDB's log format, in blocks of 32 KiB, of protobuf records."""

import json
import struct
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def records(file: Path) -> Iterator[Any]:
    """All records, in their order."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, position, record = file.read_bytes(), 7, b""
    while position + 7 <= len(data):
        left = 2**15 - position % 2**15
        if left < 7:  # no room for a header: padding
            position += left
            continue
        _, length, kind = struct.unpack("<IHB", data[position : position + 7])
        record += data[position + 7 : position + 7 + length]
        position += 7 + length
        if kind in (1, 4):  # whole, or the last of several pieces
            yield Record.FromString(record)
            record = b""


def values(items: Any) -> dict[str, Any]:
    """Name -> value of a record's items; of one with parts (a picture has a size, names of files ...) all of them."""
    found: dict[str, Any] = {}
    for item in items:
        name, *part = item.nested_key or [item.key]
        value = json.loads(item.value_json)
        found[name] = found.get(name, {}) | {".".join(part): value} if part else value
    return found


def history(file: Path) -> dict[str, list[Any]]:
    """The values of each name, in their order."""
    found = defaultdict(list)
    for record in records(file):
        for name, value in values(record.history.item).items():
            found[name].append(value)
    return found


def summary(file: Path) -> dict[str, Any]:
    """The last value of each name in the summary."""
    found: dict[str, Any] = {}
    for record in records(file):
        found |= values(record.summary.update)
    return found
