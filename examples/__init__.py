"""Hold small programs that use the bridge as any relying app would; never shipped with it."""
