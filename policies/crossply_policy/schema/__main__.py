"""Write the schema files beside this module."""

from __future__ import annotations

from importlib.resources import as_file, files

from crossply_policy.schema.render import file_name, rendered, schemas


def main() -> None:
    """Write one file a kind."""
    with as_file(files("crossply_policy.schema")) as folder:
        for kind, schema in schemas().items():
            (folder / file_name(kind)).write_text(rendered(schema), encoding="utf-8")


if __name__ == "__main__":
    main()
