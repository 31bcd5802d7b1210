"""Puts proposals into a module, with weights carried over, and emits the code that does it."""

from analyzer.rewriting.carrying import Rewritten, rewritten
from analyzer.rewriting.channel_order import ordered
from analyzer.rewriting.swapping import restructure, restructured

__all__ = ["Rewritten", "ordered", "restructure", "restructured", "rewritten"]
