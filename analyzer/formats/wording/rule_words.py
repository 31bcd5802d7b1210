"""What each rule says, in words: a template for every kind of note, in the order of the rules."""

from collections.abc import Callable, Mapping
from inspect import cleandoc
from string import Formatter
from typing import Any

from analyzer.formats.wording.numbers import ITSELF, plural
from analyzer.rules import rule_for, slug
from analyzer.rules.rule import ModelProposer, Proposer
from analyzer.values.notes import Note, RuleChoice


def explanation(name: str) -> str:
    """The documentation of the rule of that code or slug as markdown, headed by its code, name, level and effort."""
    rule = rule_for(name)
    effort = {"none": "leaves the output as it is", "finetune": "needs finetuning", "retrain": "needs retraining"}
    kind = effort[rule.EFFORT] if isinstance(rule, Proposer | ModelProposer) else "a fact"
    return f"# {rule.CODE} {slug(rule)} ({rule.LEVEL}, {kind})\n\n{cleandoc(rule.__doc__ or '')}\n"


def words(note: Note) -> str:
    """The note as a clause, without a full stop."""
    template, values = TEMPLATES[note.kind], dict(note.values)
    return _FORMATTER.vformat(template, (), values) if isinstance(template, str) else template(**values)


def choice_words(choice: RuleChoice) -> str:
    """ "4 groups", "spatial, rank 48"."""
    return CHOICES.get(choice.name, choice.name.replace("-", " ")).format(*choice.numbers)


class _WordFormatter(Formatter):
    """Python's format specs, % with a space before it; "path" for a layer, a noun for its number, else what joins."""

    def format_field(self, value: Any, format_spec: str) -> str:
        if format_spec.endswith("%"):
            return f"{value:{format_spec}}".replace("%", " %")
        if format_spec == "path":
            return value or ITSELF
        if isinstance(value, tuple):
            return format_spec.join(map(str, value))
        if format_spec.isalpha():
            return plural(value, format_spec)
        return str(super().format_field(value, format_spec))


_FORMATTER = _WordFormatter()
SIDES = {
    "in_channels": "input channels",
    "out_channels": "output channels",
    "in_channels_per_group": "input channels per group",
    "out_channels_per_group": "output channels per group",
}


def _holes(field: int, axes: tuple[int, ...], holes: int, share: float) -> str:
    along = f"{'axis' if len(axes) == 1 else 'axes'} {' and '.join(map(str, axes))}"
    return f"of {field} positions in its field along {along}, {holes} ({100 * share:.1f} %) are never read"


def _grouping(groups: int, inputs: bool, outputs: bool) -> str:
    return f"splitting into {groups} groups with the {ORDERS[inputs, outputs]}"


def _memory_bound(device: str, share_of_macs: float) -> str:
    on = f" on {device}" if device else ""
    return f"memory-bound{on}, with {100 * share_of_macs:.1f} % of the MACs: saving MACs will not save time"


def _misaligned(count: int, sides: tuple[str, ...], more: int, multiple: int) -> str:
    others = f", here and in {plural(more, 'more layer')}" if more else ""
    return f"{_channels(count, sides)}{others}: no multiple of {multiple}"


def _misaligned_counts(counts: tuple[int, ...], layers: int, multiple: int) -> str:
    *first, last = map(str, counts)
    return f"{', '.join(first)} and {last} channels, in {layers} layers: no multiples of {multiple}"


def _misaligned_width(count: int, sides: tuple[str, ...], channels: int, layers: tuple[str, ...]) -> str:
    notes = [Note("next-multiple", (("channels", channels),))]
    notes += [Note("layers", (("layers", layers),))] if len(layers) > 1 else []
    return f"{_channels(count, sides)}: {'; '.join(map(words, notes))}"


def _channels(count: int, sides: tuple[str, ...]) -> str:
    return f"{count} {' and '.join(SIDES[side] for side in sides)}"


ORDERS = {
    (True, True): "channels reordered",
    (True, False): "input channels reordered",
    (False, True): "output channels reordered",
    (False, False): "channels in their present order",
}
"""By whether the inputs and whether the outputs can be renumbered."""
CHOICES = {
    "spatial-rank-{}": "spatial, rank {}",
    "channel-ranks-{}-and-{}": "channel, ranks {} and {}",
}
"""Of choices whose name does not say it with spaces in the place of its hyphens."""
TEMPLATES: Mapping[str, str | Callable[..., str]] = {
    # grouped_convolution
    "fixed-order": "the output is added to, multiplied with or concatenated with another tensor, so its channels "
    "cannot be permuted: the groups are neighbouring channels as they are",
    "groups-may-not-meet": "a grouped convolution reads the output and no shuffle can be put between: "
    "groups may not meet",
    # depthwise_separable
    "separable-order": "pointwise first fits trained kernels better, depthwise first is what MobileNet trains from "
    "scratch",
    # dilated_kernel
    "field-stays": "the receptive field stays {field:×}; the taps between the dilated ones are filled by its "
    "neighbours",
    # dilate_instead_of_downsample
    "price": "a price, not a saving: the layers between run at the full resolution",
    "resolution-kept": "resolution lost by {factor} at {lost} and given back at {given_back:path} is kept; so is the "
    "receptive field of the layers between",
    # factorized_kernel
    "spatial-rank": "rank {rank}: below {break_even} it saves weights and MACs, from {exact} on it is exact",
    "channel-ranks": "ranks {ranks: and }: below {break_even: and } they save weights and MACs",
    # low_rank_matrix
    "matrix-rank": "rank {rank} of {full}: below {break_even} it saves weights and MACs",
    # removable_module
    "not-called": "this forward never calls it: for inference with inputs like this",
    "result-unused": "no output depends on what it computes: for inference with inputs like this",
    # recomputed_weight
    "constant-weight": "its weight is computed anew at each call and always the same: for inference, as training "
    "needs that",
    # parallel_branches
    "branches-become-one": "{branches} branches become one; for inference: training needs them",
    # bias_before_batchnorm
    "bias-in-mean": "the mean that {norm} subtracts contains the bias; subtract it from a trained running mean",
    # foldable_batchnorm
    "training-needs-normalization": "for inference: training needs the normalization",
    # collapsible_pointwise
    "linear-maps": "nothing lies between it and {second}: linear maps in a row are one",
    "linear-maps-with-norm": "only {norm} lies between it and {second}: linear maps in a row are one",
    # padding_only_taps
    "padding-taps": "for inputs of this size only: {share:.1%} of its taps read nothing but padding around {size:x} "
    "positions",
    # isolated_groups
    "isolated-groups": "reads the groups of {first} as they are: {groups} networks that never meet",
    "mix-channels": "put nn.ChannelShuffle or a pointwise convolution between the two",
    # gridding
    "holes": _holes,
    "path": "path: {layers: → }",
    "rates-without-holes": "rates without a common factor that start at 1 leave no holes",
    # strided_dilation
    "inputs-skipped": "reads {read:.1%} of its inputs: stride and dilation skip the rest",
    "no-common-factor": "choose a dilation that shares no factor with the stride, or dilate after the stride",
    # strided_pointwise
    "partly-read": "reads {read:.1%} of its input",
    "usual-shortcut": "usual in the shortcut of a residual block; average pooling before it would read everything",
    # memory_bound_layer
    "memory-bound": _memory_bound,
    # channel_misalignment
    "misaligned": _misaligned,
    "misaligned-counts": _misaligned_counts,
    "misaligned-width": _misaligned_width,
    "next-multiple": "the next that fills an fp16 vector unit is {channels}",
    "layers": "the layers are {layers:, }",
    # heavy_head
    "heavy-linear": "nn.Linear({features:, }) holds {params:,} of {of:,} parameters ({share_of_params:.1%}) and does "
    "{share_of_macs:.1%} of the MACs",
    "all-linear": "all linear layers together: {share_of_params:.1%} of the parameters, {share_of_macs:.1%} of the "
    "MACs",
    # sibling_convolutions
    "siblings-become-one": "{siblings} convolutions that read the same tensor become one; for inference: the forward "
    "is written anew",
    # never_run
    "never-called": "never called: {params:parameter} that this forward does not use",
    # evidence of the weights
    "grouping": _grouping,
    "kept-in-place": "{kept:.0%} with the channels in their present order",
    "separable": "{first} first with {terms:term}",
    "terms": "{kept:.0%} would take {terms}, and no more than {most} save work",
    "other-order": "{first} first keeps {kept:.0%}",
    "sampled": "from a sample of {channels} channels",
    "dilated": "the dilated {kernel:×} kernel",
    "rank": "rank {rank}",
    "estimated": "estimated to about two points",
    "bottleneck": "a bottleneck of ranks {ranks: and }",
    # exact changes
    "same-output": "the model's output is the same to {error:.0e}, run on random input",
}
"""By the note's kind: a text with the note's values in it, or a function of them."""
