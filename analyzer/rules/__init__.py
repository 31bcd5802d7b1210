"""All rules, in the order in which they are asked, and how to find one."""

from collections.abc import Iterable
from difflib import get_close_matches

from analyzer.rules import (
    bias_before_batchnorm,
    channel_misalignment,
    collapsible_pointwise,
    depthwise_separable,
    dilate_instead_of_downsample,
    dilated_kernel,
    factorized_kernel,
    foldable_batchnorm,
    gridding,
    grouped_convolution,
    heavy_head,
    isolated_groups,
    low_rank_matrix,
    memory_bound_layer,
    never_run,
    padding_only_taps,
    parallel_branches,
    recomputed_weight,
    removable_module,
    sibling_convolutions,
    strided_dilation,
    strided_pointwise,
)
from analyzer.rules.rule import ModelProposer, Observer, Proposer, Rule, is_on_request
from analyzer.values.errors import Problem

RESTRUCTURINGS: tuple[Proposer | ModelProposer, ...] = (
    grouped_convolution,
    depthwise_separable,
    dilated_kernel,
    dilate_instead_of_downsample,
    factorized_kernel,
    low_rank_matrix,
)
EXACT: tuple[Proposer | ModelProposer, ...] = (
    removable_module,
    recomputed_weight,
    parallel_branches,
    bias_before_batchnorm,
    foldable_batchnorm,
    collapsible_pointwise,
    padding_only_taps,
    sibling_convolutions,
)
FACTS: tuple[Observer, ...] = (
    isolated_groups,
    gridding,
    strided_dilation,
    strided_pointwise,
    memory_bound_layer,
    channel_misalignment,
    heavy_head,
    never_run,
)
RULES: tuple[Rule, ...] = (*RESTRUCTURINGS, *EXACT, *FACTS)
ALL = "ALL"


def slug(rule: Rule) -> str:
    """The rule's name in words, "depthwise-separable": that of its file."""
    return rule.__name__.rpartition(".")[2].replace("_", "-")


def rule_for(name: str) -> Rule:
    """The rule of that code or slug; Problem with the nearest names when there is none."""
    return next((rule for rule in RULES if _is_named(rule, name)), None) or _refuse(name)


def selected(select: Iterable[str] = (), ignore: Iterable[str] = ()) -> tuple[Rule, ...]:
    """The rules that a selection leaves: names are codes, prefixes of codes, slugs or ALL; none selected means all.

    A rule that speaks on request only has to be named by its code or its slug.
    """
    named = tuple(select)
    wanted = {
        rule.CODE
        for name in named or (ALL,)
        for rule in matching(name)
        if not is_on_request(rule) or _is_named(rule, name)
    }
    unwanted = {rule.CODE for name in ignore for rule in matching(name)}
    return tuple(rule for rule in RULES if rule.CODE in wanted - unwanted)


def _is_named(rule: Rule, name: str) -> bool:
    return name.strip().upper() == rule.CODE or name.strip().lower() == slug(rule)


def matching(name: str) -> tuple[Rule, ...]:
    """The rules that a code, a prefix of codes, a slug or ALL names; Problem with the nearest names for none."""
    key = name.strip().upper()
    if key == ALL:
        return RULES
    found = tuple(rule for rule in RULES if _is_named(rule, name) or (key and rule.CODE.startswith(key)))
    return found or (_refuse(name),)


def _refuse(name: str) -> Rule:
    names = [word for rule in RULES for word in (rule.CODE, slug(rule))]
    near = get_close_matches(name.upper(), names) + get_close_matches(name.lower(), names)
    hint = f"did you mean {' or '.join(near[:3])}" if near else f"the codes are {', '.join(names[::2])}"
    raise Problem(f"there is no rule {name!r}: {hint}?" if near else f"there is no rule {name!r}: {hint}")
