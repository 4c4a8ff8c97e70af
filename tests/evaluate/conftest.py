"""Makes the made-up tables of this folder importable as ``made_up_cells``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
