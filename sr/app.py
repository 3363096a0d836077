"""Enlarge pictures in the browser: `python -m sr.app`, then drop one onto the page."""

import argparse
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

from sr.errors import UserError, optional, reason
from sr.formats import picture
from sr.inference import memory, models
from sr.inference.preview import OWN_SCALE, Preview
from sr.weights import store as weights

WAITING = 16  # pictures that may wait for their turn
SCALES = [OWN_SCALE, "1.5", "2", "3", "4", "6", "8"]


def main(arguments: list[str] | None = None) -> int:
    """Serve the page until it is interrupted; returns the exit status."""
    options = parser().parse_args(arguments)
    memory.keep_freed()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends it: what was sent is removed
    try:
        device = models.choose_device(options.device)
        names = [*options.model, models.AUTO, *weights.bundled()]
        for name in options.model:
            models.load(name, None, device)  # now rather than when someone waits
        with tempfile.TemporaryDirectory(prefix="sr-app-") as folder:
            os.environ["GRADIO_TEMP_DIR"] = folder  # uploads and results: gone when the page is
            os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
            gradio = optional("gradio", "the page needs Gradio", "app")
            blocks = page(names, device, options.max_megapixels, Path(folder))
            blocks.queue(default_concurrency_limit=1, max_size=WAITING, api_open=False)
            blocks.launch(
                server_name=options.host, server_port=options.port, share=False, inbrowser=options.open,
                max_file_size=options.max_megabytes * 1_000_000, show_error=True, ssr_mode=False, quiet=True,
                prevent_thread_lock=True, footer_links=[],
                theme=gradio.themes.Default(font=["system-ui", "sans-serif"], font_mono=["monospace"]),
            )  # fmt: skip
            try:
                print(f"{blocks.local_url} shows the page; Ctrl-C ends it", flush=True)
                blocks.block_thread()
            finally:
                blocks.close(verbose=False)
    except KeyboardInterrupt:
        pass
    except (UserError, OSError) as error:  # a port that is taken
        print(f"error: {reason(error)}", file=sys.stderr)
        return 1
    return 0


def page(names: list[str], device: torch.device, max_megapixels: float, folder: Path) -> Any:
    """The page: what to enlarge and how on the left, before and after on the right.

    Args:
        names: names of the models to choose from.
        device: where to compute.
        max_megapixels: of the result; more is refused.
        folder: folder for results.
    """
    import gradio as gr

    work = Preview(device, max_megapixels, folder)

    def run(file: str | None, model: str, scale: str, tta: bool, back_project: bool, labels: bool,
            progress: Any = gr.Progress(track_tqdm=True)) -> tuple[Any, str, str]:  # fmt: skip  # noqa: B008
        try:
            return work(file, model, scale, tta, back_project, labels)
        except Exception as error:  # whatever it is, it is told on the page
            ours = not isinstance(error, UserError)
            raise gr.Error(reason(error), duration=None, print_exception=ours) from error

    with gr.Blocks(title="sr: super-resolution", delete_cache=(3600, 3600), analytics_enabled=False) as blocks:
        gr.Markdown("# Super-resolution\nDrop a picture, choose a model, look at both, take the large one with you.")
        with gr.Row():
            with gr.Column(scale=1, min_width=280):
                file = gr.File(label="Picture", file_types=sorted(picture.SUFFIXES), type="filepath", elem_id="picture")
                model = gr.Dropdown(names, value=_first(names), label="Model", elem_id="model")
                gr.Markdown(_purposes(), elem_id="purposes")
                scale = gr.Dropdown(SCALES, value=OWN_SCALE, label="Enlarge by", allow_custom_value=True)
                tta = gr.Checkbox(label="Mean over flips and turns (8 times slower)")
                back_project = gr.Checkbox(label="Lock colours and brightness to the picture")
                labels = gr.Checkbox(label="It holds labels (classes): repeat them, invent nothing")
                button = gr.Button("Enlarge", variant="primary", elem_id="enlarge")
            with gr.Column(scale=3):
                slider = gr.ImageSlider(label="Bicubic | enlarged", type="filepath", format="png", max_height=720,
                                        interactive=False)  # fmt: skip
                told = gr.Markdown(elem_id="told")
                download = gr.DownloadButton("Download", elem_id="download")
        button.click(run, [file, model, scale, tta, back_project, labels], [slider, told, download])
    return blocks


def _first(names: list[str]) -> str:
    """The model chosen at first: the user's own, or the one that the photo asks for."""
    return names[0]


def _purposes() -> str:
    """Which model to take for what, as a list."""
    return "\n".join(f"- **{name}**: {told}" for name, told in models.purposes().items())


def parser() -> argparse.ArgumentParser:
    """Of the command line."""
    p = argparse.ArgumentParser(prog="python -m sr.app", description=__doc__)
    p.add_argument("--model", action="append", default=[], metavar="NAME",
                   help="a run's folder or a file of weights to choose from, beside the bundled ones")  # fmt: skip
    p.add_argument("--host", default="127.0.0.1", help="127.0.0.1, which no other machine reaches; 0.0.0.0 for all")
    p.add_argument("--port", type=int, help="the first that is free from 7860 on")
    p.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 ...")
    p.add_argument("--max-megapixels", type=float, default=64, metavar="N", help="of a result; 64")
    p.add_argument("--max-megabytes", type=int, default=64, metavar="N", help="of a file that is sent; 64")
    p.add_argument("--open", action="store_true", help="open the page in the browser")
    return p


if __name__ == "__main__":
    sys.exit(main())
