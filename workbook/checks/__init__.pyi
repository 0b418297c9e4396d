# The public names of workbook.checks, one list that serves the type checker and the lazy import alike.
