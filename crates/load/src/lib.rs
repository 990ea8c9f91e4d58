//! A sender with exact manifests, to prove that nothing was lost.
