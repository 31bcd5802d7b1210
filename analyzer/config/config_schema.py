"""The schema of analyze.toml, for editors that check and complete what is written."""

from typing import Any, Final

import msgspec

from analyzer.config.checks import ALLOWED
from analyzer.config.tables import Amount, Bytes, CountLimit, Percent, Tables
from analyzer.values.results import json_text

AMOUNTS: Final[dict[type, dict[str, Any]]] = {
    CountLimit: {"type": ["integer", "string"], "description": ALLOWED["params"]},
    Bytes: {"type": ["integer", "string"], "description": ALLOWED["size"]},
    Amount: {"type": ["integer", "string"], "description": ALLOWED["min"]},
    Percent: {"type": "string", "description": 'a share, such as "2%"'},
}


def render() -> str:
    """JSON Schema of the tables, with a line end."""
    schema = msgspec.json.schema(Tables, schema_hook=AMOUNTS.__getitem__)
    schema |= {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "analyze.toml"}
    return json_text(schema)
