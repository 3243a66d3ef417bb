"""The standards' values: trust domain, SPIFFE ID, selector, bundle and its JSON document. Pure."""
