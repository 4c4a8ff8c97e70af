"""``python -m gaea_mini.bench``, as ``make bench`` does."""

from gaea_mini.bench import main

if __name__ == "__main__":
    main()
