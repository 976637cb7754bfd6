"""An answer for other programs and for people: table rows, JSON lines, Praat, a report.

Pure functions from predictions to text. Command line and page write the same.
"""

from ser.export.json_lines import json_line
from ser.export.report import report
from ser.export.rows import columns, rows_of, texts_of_windows, to_csv
from ser.export.textgrid import textgrid

__all__ = ["columns", "json_line", "report", "rows_of", "textgrid", "texts_of_windows", "to_csv"]
