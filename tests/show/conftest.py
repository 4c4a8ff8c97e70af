"""Makes the made-up runs of this folder importable as ``made_up``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
