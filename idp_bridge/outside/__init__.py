"""Talk to systems we do not own, one file each; never decides anything about a link."""
