"""A bureau's place in its province (全省位次): told by hand, or the rank in the province's own contest."""
