"""How the docs site is made: `uv run --group docs sphinx-build -W docs site`."""

from importlib.metadata import version as version_of

project = "Sayso"
copyright = "the Sayso authors"  # noqa: A001  (Sphinx's name for it)
release = version = version_of("sayso")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["pictures"]
nitpicky = (
    False  # types of other packages have no page here; links between pages are always checked
)

myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]

suppress_warnings = ["misc.highlighting_failure"]  # Pygments knows neither Cedar nor Mermaid

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "show-inheritance": False}
napoleon_google_docstring = True
napoleon_custom_sections = [("Guarantees", "notes_style"), ("Source", "notes_style")]

html_theme = "furo"
html_title = "Sayso"
