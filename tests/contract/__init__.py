"""One contract, two engines: what the collection relies on, asserted against the played and the real script alike.

Where the engines differ, the played one is wrong.
"""
