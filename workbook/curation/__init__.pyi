# The public names of workbook.curation, one list that serves the type checker and the lazy import alike.
from .applying import apply_plan as apply_plan
from .applying import correct as correct
from .corrections import Correction as Correction
from .corrections import Plan as Plan
from .corrections import make_plan as make_plan
from .faults import Fault as Fault
from .faults import FaultReport as FaultReport
from .faults import find_faults as find_faults
from .layouts import Layout as Layout
from .layouts import find_layout as find_layout
from .layouts import find_pairs as find_pairs
from .names import find_hosts as find_hosts
from .names import photographs as photographs
from .sample import sample as sample
from .splits import check_leak as check_leak
from .splits import find_leaks as find_leaks
from .splits import split_pairs as split_pairs
