"""The policy in Cedar: `policy` asks, `rules` and `words` check texts, `binding` calls Cedar."""
