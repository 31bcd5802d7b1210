"""The JSON Schema of an analysis, made from the types themselves."""

import msgspec

from analyzer.values.results import Analysis, json_text


def render() -> str:
    """JSON Schema 2020-12 of what `formats.json` writes for one model."""
    return json_text({"$schema": "https://json-schema.org/draft/2020-12/schema"} | msgspec.json.schema(Analysis))
