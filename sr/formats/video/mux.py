"""The container of a new clip: its video stream, copies of all other streams, chapters, metadata."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sr.errors import reason

from .colours import tags_as_stored
from .decode import is_cover, picture_of
from .encoders import OPTIONS, SQUARE, encoder_for, time_base_for

if TYPE_CHECKING:
    from .file import Clip

# Containers for which frames must be stored in the order shown: otherwise all times would be moved to begin at 0
IN_ORDER = (".flv",)
# Metadata that describes the old file's bytes
STALE = {"ALPHA_MODE", "BPS", "DURATION", "ENCODER", "NUMBER_OF_FRAMES", "NUMBER_OF_BYTES", "_STATISTICS_WRITING_APP",
         "_STATISTICS_WRITING_DATE_UTC", "_STATISTICS_TAGS", "MAJOR_BRAND", "MINOR_VERSION",
         "COMPATIBLE_BRANDS"}  # fmt: skip


def prepare(path: Path, clip: "Clip", source: Any, target: Any, height: int, width: int) -> tuple[Any, str, dict]:
    """Set up a container; from now on `clip.other` copies packets of other streams into it.

    Args:
        path: to write.
        clip: the old clip.
        source, target: containers, open for reading and for writing.
        height, width: of the new clip.

    Returns:
        The stream to encode to, its pixel format and its colour tags.

    Raises:
        UserError: no encoder at hand fits this container.
    """
    stream = picture_of(clip.path, source)
    codec, pixel_format = encoder_for(path, target, stream, clip, height, width)
    more = {"bf": "0"} if path.suffix.lower() in IN_ORDER else {}
    out = target.add_stream(codec, rate=clip.rate, options=OPTIONS[codec] | more)
    out.width, out.height, out.pix_fmt = width, height, pixel_format
    out.time_base = out.codec_context.time_base = time_base_for(path, clip, codec)
    if clip.ratio:
        out.codec_context.sample_aspect_ratio = clip.ratio
        if codec in SQUARE and clip.ratio != 1:
            clip.dropped.append(f"the shape of pixels ({clip.ratio} as wide as high), which {path.suffix} cannot store")
    tags = tags_as_stored(clip, codec, pixel_format)
    for tag, value in tags.items():
        setattr(out.codec_context, tag, value)
    out.metadata.update(_lasting(stream.metadata))
    if hasattr(out, "disposition"):
        out.disposition = stream.disposition
    copies = _copies(source, target, stream, clip)
    target.metadata.update(_lasting(source.metadata))
    if hasattr(target, "set_chapters"):
        target.set_chapters(source.chapters())

    def other(packet: Any) -> None:
        if packet.stream.index in copies and (packet.dts is not None or is_cover(packet.stream)):
            packet.stream = copies[packet.stream.index]
            target.mux(packet)

    clip.other = other
    return out, pixel_format, tags


def _copies(source: Any, target: Any, picture: Any, clip: "Clip") -> dict[int, Any]:
    """A stream of the new clip for each other stream of the old one, by its index; what does not fit is noted."""
    import av

    copies, titles = {}, hasattr(target, "set_chapters") and source.chapters()  # MP4 has a data stream of the titles
    for stream in source.streams:
        if stream.index == picture.index or (stream.type == "data" and titles):
            continue
        try:
            if stream.type not in ("audio", "subtitle", "video", "attachment"):
                raise ValueError("no sound, subtitle or picture")
            if is_cover(stream) and "matroska" in target.format.name:  # which would show it as a second film
                _attach(target, stream, next(packet for packet in source.demux(stream) if packet.size))
                continue
            copies[stream.index] = target.add_stream_from_template(stream)
            copies[stream.index].metadata.update(stream.metadata)
            if hasattr(stream, "disposition"):  # cover, default, for the hard of hearing ...
                copies[stream.index].disposition = stream.disposition
        except (ValueError, av.FFmpegError) as error:
            clip.dropped.append(f"stream {stream.index} ({stream.type}: {reason(error)})")
    return copies


def _attach(target: Any, stream: Any, packet: Any) -> None:
    """A cover as Matroska has it: a file attached, which players know by its name."""
    kind = {"mjpeg": "jpeg"}.get(stream.codec_context.name, stream.codec_context.name)
    name = stream.metadata.get("filename", f"cover.{kind.replace('jpeg', 'jpg')}")
    attached = target.add_attachment(name, stream.metadata.get("mimetype", f"image/{kind}"), bytes(packet))
    attached.metadata.update({key: value for key, value in stream.metadata.items() if key not in attached.metadata})


def _lasting(metadata: dict[str, str]) -> dict[str, str]:
    """Metadata without the STALE entries; Matroska appends the language to a key ("BPS-eng")."""
    return {key: value for key, value in metadata.items() if key.split("-")[0].upper() not in STALE}
