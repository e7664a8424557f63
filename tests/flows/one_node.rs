//! The tests that keep to one node exist, and say why.

use testkit::ONE_NODE;

#[test]
fn every_test_that_keeps_to_one_node_exists_and_says_why() {
    for (name, why) in ONE_NODE {
        let (module, function) = name.split_once("::").expect("module::function");
        let path = format!("{}/flows/{module}.rs", env!("CARGO_MANIFEST_DIR"));
        let source = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert!(source.contains(&format!("fn {function}(")), "there is no test {name}");
        assert!(why.len() > 20, "{name}: why?");
    }
}
