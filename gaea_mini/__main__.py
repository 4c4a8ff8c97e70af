"""``python -m gaea_mini``."""

from gaea_mini.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
