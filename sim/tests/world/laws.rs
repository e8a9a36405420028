use super::host::Host;
#[test]
fn x() {
    let _ = Host::shop();
}
