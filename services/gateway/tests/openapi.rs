//! The copy of the API's description in the docs is what the gateway says. `UPDATE_EXPECT=1` writes it anew.

use expect_test::expect_file;
use serde_json::Value;

#[test]
fn the_copy_in_the_docs_is_what_is_served() {
    let openapi = arena_gateway::http::openapi();
    let text = openapi.to_pretty_json().expect("it is JSON") + "\n";
    expect_file!["../../../docs/openapi.json"].assert_eq(&text);
}

#[test]
fn every_operation_names_its_problems_and_every_change_the_token() {
    let openapi = serde_json::to_value(arena_gateway::http::openapi()).expect("it is JSON");
    assert_eq!(openapi["openapi"], "3.1.0");
    let mut count = 0;
    for (path, item) in openapi["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            count += 1;
            for range in ["4XX", "5XX"] {
                let problem = &operation["responses"][range]["content"]["application/problem+json"];
                let schema = &problem["schema"]["$ref"];
                assert_eq!(schema, "#/components/schemas/Problem", "{method} {path}");
            }
            let wants_token = operation["security"][0]["token"] == Value::Array(Vec::new());
            assert_eq!(wants_token, method != "get", "{method} {path}");
        }
    }
    assert!(count > 0);
}
