"""The auditor's side of an open workspace; `front` is what `Sayso.audit` gives."""
