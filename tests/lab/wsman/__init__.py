"""A WS-Management service: HTTP/1.1, Basic and NTLM with message encryption, SOAP, WinRS and PSRP.

It carries commands to a :class:`lab.interfaces.Member` and knows nothing else about Windows.
"""
