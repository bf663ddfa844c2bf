"""How fast the main job is, beside the raw database and beside a straightforward build, in one interleaved run."""
