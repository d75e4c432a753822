"""Results in a real archive and a real viewer: Orthanc and OHIF, in a network of their own.

``make viewers`` runs `python -m tests.viewers`; `test_viewers.py` is the short form of it.
"""
