//! What every use case is given: ports, clock, entropy, hash pool, keys, throttles, refusals.
