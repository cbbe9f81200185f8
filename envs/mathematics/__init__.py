"""Mathematics with knobs: problems by generators, each with a solution step by step."""
