"""Tools: typed functions that a policy may call, the state behind them, and the formats in which calls are written."""
