# Months in their short form where room is scarce ("24 sept."), and a time as one says it.
DATETIME_FORMAT = "j F Y à H:i"
MONTH_DAY_FORMAT = "j N"
