"""The desk loop: what customers write at a help desk becomes requests, and is answered there.

| open | for |
|---|---|
| `loop` | who reads and speaks, and when: the bell, the sweep, the log |
| `attendant` | one thread: read it, take in what is new, notice colleagues, say what is due |
| `intake` | a customer's message becomes a turn of a request, once |
| `sayings` | what Sayso has to say in a thread now, and in which order |
| `words` | notes to colleagues |
| `law` | what Sayso may say: exactly what is rendered now, to that very customer and thread |
| `lease` | a desk or a thread is one process's alone for as long as it works at it |
| `rows` | what is kept of desks, threads, messages and sayings |
| `seat` | what a colleague sees of a thread, and says in it |
| `canvas` | the card beside a conversation of Intercom that opens the seat |
| `own` | a desk without a provider: your program keeps its threads |
| `conversation` | what your program tells of such a thread, and reads there |
| `resource` | `sayso.desks`, in Python |
"""
