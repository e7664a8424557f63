# `just` lists these.


default:
    @just --list

# The demo: server, relying party, virtual phone
demo *ARGS:
    cargo run -- demo {{ARGS}}

# The server
run *ARGS:
    cargo run -- serve {{ARGS}}

# Format, lints, tidy
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    cargo test -p latchbolt-tests --test tidy

# All that needs only cargo
test:
    tests/run quick

# Everything
test-all:
    tests/run

# The benchmark, with the floor beside it
bench *ARGS:
    cargo build --release -p latchbolt -p latchbolt-bench
    cargo run --release -p latchbolt-bench -- {{ARGS}}
