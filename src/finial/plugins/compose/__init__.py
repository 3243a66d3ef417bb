"""CredentialComposer plugins: what a credential says besides its SPIFFE ID, changed before it is signed."""
