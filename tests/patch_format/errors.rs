//! What is no patch is refused, and the error says why and where.

use weft::patch::{LARGEST_TEXT, Patch, PatchError};

use crate::rig::{document, is_safe, refused};

#[test]
fn errors_say_what_is_wrong_and_where() {
    for (text, message) in [
        ("", "line 1, column 1: the text ends too early"),
        ("\u{0}\u{1}garbage", "line 1, column 1: "),
        (
            "Patch(format: 1,\n  name: \"x\"\n  modules: {})",
            "line 3, column 3: expected comma",
        ),
        (
            "Patch(format: 1,\n  modules: {\"a\": (type: \"svf\" params: {})})",
            "line 2, column 31: expected comma",
        ),
        (
            "Patch(format: 1, name: \"x)",
            "line 1, column 24: a text that begins here has no end",
        ),
        (
            "Patch(format: 1, modules: {\"a\": (type: \"svf\")\n ",
            "the text ends too early",
        ),
        (
            "Patch(format: 1) Patch(format: 1)",
            "line 1, column 17: something follows the end of the patch",
        ),
        ("Patch(name: \"x\")", "\"format\" is missing"),
        ("Patch(format: 1, format: 1)", "\"format\" is written twice"),
        (
            "Patch(format: 1,\n  colour: 3)",
            "line 2, column 3: unexpected field named `colour`",
        ),
        (
            "Patch(format: 1,\n modules: {\"a\": (type: \"svf\", knobs: {})})",
            "line 2, column 31: unexpected field named `knobs`",
        ),
        (
            "Patch(format: 1, modules: {\"a\": ()})",
            "\"type\" is missing",
        ),
        (
            "Patch(format: 1, modules: {\"a\": (type: \"svf\", version: 0)})",
            "line 1, column 56: ",
        ),
        (
            "Patch(format: 7)",
            "format 7, and this Weft reads format 1; a newer Weft wrote it",
        ),
        (
            "Patch(format: 7, what: [is, This(1)])",
            "format 7, and this Weft reads format 1",
        ),
        ("Patch(format: 0)", "format 0"),
        (
            "Rack(format: 1)",
            "line 1, column 1: expected struct `Patch` but found `Rack`",
        ),
        (
            &document(r#""a": (type: "svf"), "a": (type: "sine")"#, "", ""),
            "two modules have the id \"a\"",
        ),
        (
            &document(r#""a.b": (type: "svf")"#, "", ""),
            "\"a.b\" cannot be the id of a module",
        ),
        (
            &document(r#""": (type: "svf")"#, "", ""),
            "\"\" cannot be the id of a module",
        ),
        (
            &document(r#""a b": (type: "svf")"#, "", ""),
            "\"a b\" cannot be the id of a module",
        ),
        (
            &document(r#""a->b": (type: "svf")"#, "", ""),
            "\"a->b\" cannot be the id of a module",
        ),
        (
            &document(&format!("\"{}\": (type: \"svf\")", "x".repeat(65)), "", ""),
            "cannot be the id of a module",
        ),
        (
            &document(
                r#""a": (type: "svf", params: {"cutoff": 1, "cutoff": 2})"#,
                "",
                "",
            ),
            "module \"a\" has its param \"cutoff\" written twice",
        ),
        (
            &document("", r#""a.out""#, ""),
            "cable 1, \"a.out\": write one arrow",
        ),
        (
            &document("", "", r#"4: "cutoff""#),
            "slot 4 is bound to \"cutoff\"; write a module, a dot and a param",
        ),
        (
            &document("", "", r#"99999999999999999999: "a.b""#),
            "out of bounds",
        ),
    ] {
        let error = refused(text).to_string();
        assert!(
            error.contains(message),
            "{text}\n{error:?} does not say {message:?}"
        );
    }
}

#[test]
fn hostile_text_is_refused() {
    assert_eq!(
        refused(&" ".repeat(LARGEST_TEXT + 1)),
        PatchError::TooLarge {
            bytes: LARGEST_TEXT + 1
        }
    );
    let places = [
        ("", ""),
        ("Patch(format: 1, name: ", ")"),
        (
            "Patch(format: 1, modules: {\"a\": (type: \"x\", params: {\"b\": ",
            "})})",
        ),
        ("Patch(format: 1, what: ", ")"),
    ];
    for (before, after) in places {
        for (open, close) in [
            ("(", ")"),
            ("[", "]"),
            ("{1:", "}"),
            ("Some(", ")"),
            ("x(", ")"),
            ("(a:", ")"),
            ("/*", "*/"),
        ] {
            let depth = 100_000;
            let text = format!(
                "{before}{}{}{after}",
                open.repeat(depth),
                close.repeat(depth)
            );
            assert!(matches!(refused(&text), PatchError::Syntax { .. }));
            assert!(Patch::from_ron(&format!("{before}{}", open.repeat(depth))).is_err());
        }
    }
    for extension in [
        "unwrap_variant_newtypes",
        "unwrap_newtypes",
        "implicit_some",
        "nonsense",
    ] {
        is_safe(&format!(
            "#![enable({extension})] Patch(format: 1, modules: {{\"a\": (type: \"x\", params: {{\"b\": Some(c: 1)}})}})"
        ));
    }
    let long = "x".repeat(1 << 20);
    for text in [
        document(&format!("\"{long}\": (type: \"svf\")"), "", ""),
        document("", &format!("\"{long}\""), ""),
        document("", &format!("\"{long} -> a.{long} * {long}\""), ""),
        document("", &format!("\"a.b -> c.d * {long}\""), ""),
        document("", "", &format!("1: \"{long}\"")),
        document(
            &format!("\"a\": (type: \"x\", params: {{\"{long}\": 1, \"{long}\": 1}})"),
            "",
            "",
        ),
    ] {
        assert!(refused(&text).to_string().len() < 1000);
    }
}
