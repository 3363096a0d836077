"""Clips that PyAV makes, enlarged by a rule whose answer is known, and read back."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from sr.inference.files import enlarge_file
from sr.inference.models import load
from sr.inference.pixels import Options

av = pytest.importorskip("av")

RATE, COUNT = 25, 12


def picture(i: int, height: int, width: int, depth: int = 8) -> np.ndarray:
    """Soft, so that coding changes little, and another one at each time: brighter, and redder.

    Its colours are the same on the left and on the right, for chroma is stored half a pixel to the left.
    """
    y, x = np.mgrid[:height, :width] / max(height, width)
    gray, bump = 0.2 + 0.1 * x + 0.1 * y + 0.02 * (i % 20), 0.1 * np.sin(np.pi * x) ** 2
    rgb = np.stack([gray + bump + 0.005 * i, gray, gray - bump], 2)
    return (rgb * (2**depth - 1)).astype(np.uint8 if depth == 8 else np.uint16)


def make(path, codec="libx264", size=(32, 48), form="yuv420p", times=range(COUNT), base=Fraction(1, RATE), **more):
    """A clip, with sound where `sound` tells how many streams of it; returns its path."""
    options = more.get("options", {"crf": "4", "bf": "2"} if codec == "libx264" else {})
    with av.open(path, "w") as file:
        stream = file.add_stream(codec, rate=more.get("rate", RATE), options=options)
        stream.height, stream.width, stream.pix_fmt = *size, form
        stream.time_base = stream.codec_context.time_base = base
        for tag, value in more.get("tags", {}).items():
            setattr(stream.codec_context, tag, value)
        if "turned" in more:
            stream.set_display_rotation(more["turned"])
        sounds = [file.add_stream("aac", rate=8000, layout="mono") for _ in range(more.get("sound", 0))]
        file.metadata["title"] = "A title"
        if more.get("chapters"):
            file.set_chapters([{"id": 1, "start": 0, "end": 200, "time_base": Fraction(1, 1000),
                                "metadata": {"title": "One"}}])  # fmt: skip
        for i, time in enumerate(times):
            depth = 16 if "10" in form else 8
            rgb = av.VideoFrame.from_ndarray(picture(i, *size, depth), format="rgb24" if depth == 8 else "rgb48le")
            full = more.get("tags", {}).get("color_range") == 2
            frame = rgb.reformat(format=form, dst_color_range="JPEG" if full else "MPEG", src_color_range="JPEG")
            if full:
                frame.color_range = 2
            frame.pts, frame.time_base = time, base
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
        for number, sound in enumerate(sounds):
            wave = np.sin(np.arange(4000) * 0.1 * (number + 1)).astype(np.float32)[None]
            for start in range(0, 4000, 1000):
                frame = av.AudioFrame.from_ndarray(wave[:, start : start + 1000], format="fltp", layout="mono")
                frame.sample_rate, frame.pts, frame.time_base = 8000, start, Fraction(1, 8000)
                file.mux(sound.encode(frame))
            file.mux(sound.encode(None))
    return path


def enlarged(source, suffix=None, kind="nearest", options=None) -> tuple[Path, str]:
    target = source.with_name(f"{source.stem}_x2{suffix or source.suffix}")
    return target, enlarge_file(source, target, load(kind, 2), options or Options())


def decoded(path) -> list:
    with av.open(path) as file:
        return list(file.decode(video=0))


def seconds(path) -> list[float]:
    return [float(frame.pts * frame.time_base) for frame in decoded(path)]


def packets(path, kind) -> list[list[bytes]]:
    """Of each stream of a kind."""
    with av.open(path) as file:
        found = {stream.index: [] for stream in file.streams if stream.type == kind}
        for packet in file.demux():
            if packet.stream.index in found and packet.size:
                found[packet.stream.index].append(bytes(packet))
    return list(found.values())


def means(frame) -> np.ndarray:
    """Of each plane as stored, in levels of 8 bits: no conversion of ours or of FFmpeg's comes in between."""
    deep = frame.format.components[0].bits > 8
    values = []
    for plane in frame.planes:
        line = np.frombuffer(plane, np.uint16 if deep else np.uint8).reshape(plane.height, -1)[:, : plane.width]
        values.append(line.mean() / (4 if deep else 1))
    return np.array(values)


def about(path) -> dict:
    with av.open(path) as file:
        stream = file.streams.video[0]
        context = stream.codec_context
        return {"codec": context.name, "form": context.pix_fmt, "size": (context.height, context.width),
                "range": context.color_range, "space": context.colorspace, "ratio": stream.sample_aspect_ratio,
                "length": (file.duration or 0) / 1e6, "rate": stream.average_rate}  # fmt: skip


UNEVEN = [0, 40, 55, 120, 160, 161, 200, 300, 310, 480, 500, 540]
