"""The `workbook complexity` verb: what a model costs."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from workbook.commands.model_parser import ModelParser
from workbook.commands.output import print_json

TEXT = "Count a model's parameters, operations and memory; with --model NAME, --help has its options too."
EPILOG = """examples:
  workbook complexity --model UNet --features 16 --size 256
  workbook complexity --model MyConvNeXt --model-file my_model.py --json"""


class ComplexityParser(ModelParser):
    """The options of `workbook complexity`.

    Args:
        words: as typed behind the verb.
    """

    def __init__(self, words: Sequence[str]) -> None:
        super().__init__("complexity", TEXT, EPILOG, words)
        add = self.parser.add_argument
        add("--size", type=int, default=512, help="side of the images (default: %(default)s)")
        add("--batch_size", type=int, default=1, help="images at once (default: %(default)s)")
        add(
            "--device",
            choices=["auto", "cpu"],
            default="auto",
            help="cpu: not the GPU (default: %(default)s)",
        )
        add("--json", action="store_true", help="print JSON, for programs")
        self.own += ["size", "batch_size", "device", "json"]


def run(words: Sequence[str]) -> int:
    """Build the model without fetching any weights, measure it, print what it costs."""
    parser = ComplexityParser(words)
    given = parser.parse()

    import workbook.core as core
    from workbook.core.devices import find_device
    from workbook.core.errors import WorkbookError
    from workbook.core.model_options import without_downloads

    for name in ("size", "batch_size"):
        if given[name] < 1:
            raise WorkbookError(f"{name}={given[name]}: must be a whole number from 1 up")
    plain = json.loads(parser.parser.dump(given, format="json", skip_unset=False))
    options = without_downloads({name: plain[name] for name in [*parser.options, *parser.shared]})
    model = core.model_from_options(str(parser.model), options).to(find_device(given.device))
    found = {"model": parser.model, **core.complexity(model, given.size, batch_size=given.batch_size)}
    if given.json:
        print_json(found)
        return 0
    lines = {
        "parameters": f"{found['parameters']:,} ({found['trainable']:,} trainable)",
        "operations": f"{found['flops'] / 1e9:.2f} GFLOP an image of {found['height']}x{found['width']}",
        "activations": f"{found['activation_bytes'] / 2**20:.1f} MiB kept by a step of {found['batch_size']}",
        "speed": f"{found['images_per_second']:.2f} images/s on {found['device']}",
    }
    sys.stdout.write(
        "".join(f"{name:12} {text}\n" for name, text in {"model": parser.model, **lines}.items())
    )
    return 0
