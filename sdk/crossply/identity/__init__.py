"""Who this process is: keys that it makes, a certificate and a credential that it gets, kept and renewed."""
