"""What a spreadsheet says that somebody sends us: read as data, never run.

cells.py ...... CSV (UTF-8, GB18030) or xlsx as rows of cells, within limits; a formula stays a formula
statement.py .. a hospital's own sheet of a day as lines of a statement, by the columns it has mapped
"""
