//! What every door shares: extractors, cookies, origin rules, limits, themes, texts, problem+json.
