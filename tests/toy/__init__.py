"""A product that is none: the smallest that has everything, to be copied, and to prove that nothing else knows it.

``products/toy`` is its folder, as it would lie beside Edge and Exchange. ``lab.py`` plays its servers on the lab's
stores, keys, services and ports; ``house.py`` puts it into a copy of the collection.
"""
