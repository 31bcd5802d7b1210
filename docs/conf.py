"""How Sphinx builds the documentation: `make docs`."""

import sys
from pathlib import Path

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parent))

import generated_pages

from analyzer.version import VERSION

project = "analyzer"
version = release = VERSION
extensions = ["myst_parser", "sphinx.ext.autodoc"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
myst_heading_anchors = 3
myst_enable_extensions = ["attrs_inline"]
html_theme = "furo"
html_title = f"analyzer {VERSION}"
smartquotes = False
default_role = "literal"
html_extra_path = ["_build/gallery"]
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_member_order = "bysource"


def setup(app: Sphinx) -> None:
    """Pages that are made of the package are written before Sphinx looks for pages."""
    app.add_lexer("mermaid", TextLexer)
    app.connect("config-inited", lambda *_: generated_pages.write(Path(__file__).parent))
