"""Games of several turns with a hidden state; every one can be forked and has anchors."""
