"""One module for each row of the table: `run(bench)` returns its figures."""
