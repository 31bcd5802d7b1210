"""What a change did to a layer, in words: "kernel 3 to 5", "groups 32 to 1"."""

from typing import Final

from analyzer.values.counts import LayerArgument
from analyzer.values.gate_results import LayerChange, SettingChange

WORDS: Final = {
    "in_channels": "input channels",
    "out_channels": "output channels",
    "kernel_size": "kernel",
    "in_features": "input features",
    "out_features": "output features",
    "num_features": "channels",
    "num_channels": "channels",
    "num_groups": "groups",
    "params": "parameters",
    "input_shapes": "input",
    "kind": "",
    "settings": "",
}
"""Where the argument's own name is not the word for it; empty where the values say it all."""


def in_words(item: LayerChange) -> tuple[str, ...]:
    """Each difference by itself, and how many layers moved with it."""
    below = (f"with {item.below} {'layer' if item.below == 1 else 'layers'} below it",) if item.below else ()
    return (*map(_change, item.changed), *below)


def _change(change: SettingChange) -> str:
    word = WORDS.get(change.setting, change.setting.replace("_", " "))
    if change.setting == "bias" and isinstance(change.after, bool):
        return "bias added" if change.after else "bias dropped"
    return f"{word} {_value(change, change.before)} to {_value(change, change.after)}".lstrip()


def _value(change: SettingChange, value: LayerArgument) -> str:
    """ "3" for (3, 3), "3×5" for (3, 5)."""
    if value is None or value in ("", ()):
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    if change.setting == "input_shapes" and isinstance(value, tuple):
        return ", ".join(str(shape).replace("x", "×") for shape in value)
    if isinstance(value, tuple):
        return str(value[0]) if len(set(value)) == 1 else "×".join(map(str, value))
    return f"{value:,}" if change.setting == "params" else str(value)
