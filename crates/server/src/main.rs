//! The program `latchbolt`.

fn main() -> std::process::ExitCode {
    latchbolt::run()
}
