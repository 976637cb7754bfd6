"""The paper's tables, measured anew: each trains what is missing and prints what it found."""

from training.tables.attributes import table3
from training.tables.emotions import table2
from training.tables.grid import table1

__all__ = ["table1", "table2", "table3"]
