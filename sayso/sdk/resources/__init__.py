"""One object per noun of the SDK's front."""
