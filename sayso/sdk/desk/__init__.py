"""The desk loop: what customers write at a help desk becomes requests, and is answered there.

| open | for |
|---|---|
| loop.py | who reads and speaks, and when: the bell, the sweep, the log |
| attendant.py | one thread: read it, take in what is new, notice colleagues, say what is due |
| intake.py | a customer's message becomes a turn of a request, once |
| sayings.py | what Sayso has to say in a thread now, and in which order |
| words.py | notes to colleagues |
| law.py | `sayso.own-words`: exactly what is rendered now, to that very customer and thread |
| rows.py | what is kept of desks, threads, messages and sayings |
| seat.py | what a colleague sees of a thread, and says in it |
| resource.py | `sayso.desks` |
"""
