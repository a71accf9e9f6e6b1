"""Reports: tables and data out of records. They compute nothing that a record does not hold."""
