use std::collections::BTreeSet;

use super::*;

fn rows(has_cas_devices: bool) -> impl Iterator<Item = (&'static str, &'static Route)> {
    tables(has_cas_devices).flat_map(|(base, table)| routes(table).map(move |row| (base, row)))
}

#[test]
fn every_route_is_described_and_nothing_else_is() {
    for has_cas_devices in [false, true] {
        are_described(has_cas_devices);
    }
    assert_eq!(rows(true).count(), rows(false).count() + CAS_DEVICES[0].routes.len());
}

fn are_described(has_cas_devices: bool) {
    let document = serde_json::to_value(openapi::described(has_cas_devices)).unwrap();
    let mut described = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in ["get", "post", "put", "patch", "delete"] {
            if item.get(method).is_some() {
                described.insert(format!("{} {path}", method.to_uppercase()));
            }
        }
    }
    let table: BTreeSet<_> = rows(has_cas_devices)
        .map(|(base, row)| format!("{} {base}{}", row.verb.as_str(), row.path))
        .collect();
    assert_eq!(table.len(), rows(has_cas_devices).count(), "a route is there twice");
    assert_eq!(described, table);
}

#[test]
fn sec_180_every_change_needs_a_permission_of_its_own() {
    for (_, row) in rows(true) {
        assert!(row.path.starts_with('/') && !row.path.ends_with('/'), "{}", row.path);
        if row.verb.changes() {
            let is_read = matches!(row.needs, route::Needs::One(one) if one.as_str().ends_with(".read"));
            assert!(!is_read && row.needs != route::Needs::Any, "{} {}", row.verb.as_str(), row.path);
        }
    }
}

#[test]
fn sec_144_no_cookie_opens_what_a_cas_servers_endpoint_does() {
    for (base, row) in rows(true) {
        assert_eq!(row.for_programs, base == CAS_DEVICES_BASE, "{base}{}", row.path);
    }
}
