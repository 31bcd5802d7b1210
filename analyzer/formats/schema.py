"""The JSON Schema of an analysis, made from the types themselves."""

from analyzer.values.results import Analysis


def render() -> str:
    """JSON Schema 2020-12 of what `formats.json` writes for one model."""
    import msgspec

    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"} | msgspec.json.schema(Analysis)
    return msgspec.json.format(msgspec.json.encode(schema), indent=2).decode() + "\n"
