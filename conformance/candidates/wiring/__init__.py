"""How a candidate is driven, as a record: arguments, places of arrays, names, the binding."""
