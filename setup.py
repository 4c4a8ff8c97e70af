"""What pyproject.toml cannot say: the book's records travel inside the package.

An installed copy then finds them, also where no checkout is at hand.
"""

from pathlib import Path
from shutil import copytree

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithRecords(build_py):
    def run(self):
        super().run()
        if not self.editable_mode:  # then the checkout is at hand
            copytree(
                "book/records",
                Path(self.build_lib, "gaea_mini", "records"),
                dirs_exist_ok=True,
            )


setup(cmdclass={"build_py": BuildWithRecords})
