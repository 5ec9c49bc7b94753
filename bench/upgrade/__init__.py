"""The upgrade drill: `old` is where the old version comes from, `servers` runs both, `load` asks
them without a pause, `command` is the drill."""
