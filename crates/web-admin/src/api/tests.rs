use std::collections::BTreeSet;

use super::*;

#[test]
fn every_route_is_described_and_nothing_else_is() {
    let document = serde_json::to_value(openapi::described()).unwrap();
    let mut described = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in ["get", "post", "put", "patch", "delete"] {
            if item.get(method).is_some() {
                described.insert(format!("{} {path}", method.to_uppercase()));
            }
        }
    }
    let table: BTreeSet<_> =
        routes().map(|row| format!("{} {BASE}{}", row.verb.as_str(), row.path)).collect();
    assert_eq!(table.len(), routes().count(), "a route is there twice");
    assert_eq!(described, table);
}

#[test]
fn sec_180_every_change_needs_a_permission_of_its_own() {
    for row in routes() {
        assert!(row.path.starts_with('/') && !row.path.ends_with('/'), "{}", row.path);
        if row.verb.changes() {
            let is_read = matches!(row.needs, route::Needs::One(one) if one.as_str().ends_with(".read"));
            assert!(!is_read && row.needs != route::Needs::Any, "{} {}", row.verb.as_str(), row.path);
        }
    }
}
