"""`make sbom`: writes the bill of materials to the file that is named."""

import sys
from pathlib import Path

from deploy.sbom.bill import write_bill
from deploy.sbom.lock import ROOT

target = Path(sys.argv[1])
target.write_text(write_bill(ROOT))
sys.stdout.write(f"{target}\n")
