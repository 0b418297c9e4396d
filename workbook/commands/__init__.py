"""The verbs of the `workbook` command, one a file; `workbook.cli` finds them."""
