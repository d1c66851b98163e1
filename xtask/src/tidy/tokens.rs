//! Rust source as words and signs, without comments and literals.

/// A word or one sign.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// The text.
    pub text: String,
    /// Line from 1.
    pub line: usize,
}

/// Splits source text. Comments, strings and character literals are left out, and `::` stays whole.
pub fn of(source: &str) -> Vec<Token> {
    let chars: Vec<char> = source.chars().collect();
    let at = |index: usize| chars.get(index).copied().unwrap_or('\0');
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let (mut tokens, mut index, mut line) = (Vec::new(), 0, 1);
    while index < chars.len() {
        let start = index;
        let first_line = line;
        match at(index) {
            '/' if at(index + 1) == '/' => {
                while index < chars.len() && at(index) != '\n' {
                    index += 1;
                }
            }
            '/' if at(index + 1) == '*' => {
                let mut depth = 0;
                loop {
                    match (at(index), at(index + 1)) {
                        ('/', '*') => (depth, index) = (depth + 1, index + 2),
                        ('*', '/') => (depth, index) = (depth - 1, index + 2),
                        _ => index += 1,
                    }
                    if depth == 0 || index >= chars.len() {
                        break;
                    }
                }
            }
            '"' => index = after_string(&chars, index),
            // A lifetime is a quote and a word with no quote behind its first letter.
            '\'' if at(index + 1) == '\\' => {
                index += 3;
                while index < chars.len() && at(index) != '\'' {
                    index += 1;
                }
                index += 1;
            }
            '\'' if at(index + 2) == '\'' => index += 3,
            '\'' => index += 1,
            c if is_word(c) => {
                while is_word(at(index)) {
                    index += 1;
                }
                let word: String = chars[start..index].iter().collect();
                let raw = matches!(word.as_str(), "r" | "br" | "cr");
                if raw
                    && (at(index) == '"'
                        || (at(index) == '#' && matches!(at(index + 1), '#' | '"')))
                {
                    index = after_raw_string(&chars, index);
                } else {
                    tokens.push(Token { text: word, line });
                }
            }
            ':' if at(index + 1) == ':' => {
                index += 2;
                tokens.push(Token {
                    text: "::".into(),
                    line,
                });
            }
            c => {
                index += 1;
                if !c.is_whitespace() {
                    tokens.push(Token {
                        text: c.into(),
                        line,
                    });
                }
            }
        }
        line = first_line
            + chars[start..index.min(chars.len())]
                .iter()
                .filter(|c| **c == '\n')
                .count();
    }
    tokens
}

fn after_string(chars: &[char], quote: usize) -> usize {
    let mut index = quote + 1;
    while let Some(c) = chars.get(index) {
        match c {
            '\\' => index += 2,
            '"' => return index + 1,
            _ => index += 1,
        }
    }
    index
}

fn after_raw_string(chars: &[char], from: usize) -> usize {
    let hashes = chars[from..].iter().take_while(|c| **c == '#').count();
    let mut index = from + hashes + 1;
    while index < chars.len() {
        let closes = chars[index] == '"'
            && chars[index + 1..].iter().take_while(|c| **c == '#').count() >= hashes;
        index += 1;
        if closes {
            return index + hashes;
        }
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str) -> Vec<String> {
        of(source).into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn literals_and_comments_vanish_and_lifetimes_stay_words() {
        assert_eq!(
            texts(
                "a::b /* x /* y */ z */ 'q' '\\'' '\\u{41}' \"s\\\"t\" r#\"u\"v\"# &'life c // d\ne"
            ),
            ["a", "::", "b", "&", "life", "c", "e"]
        );
    }

    #[test]
    fn lines_are_counted_through_literals() {
        let tokens = of("a\n\"x\ny\"\n/*\n*/ b");
        assert_eq!((tokens[1].text.as_str(), tokens[1].line), ("b", 5));
    }

    #[test]
    fn an_open_literal_ends_with_the_file() {
        for source in ["\"open", "r#\"open", "/* open", "'\\", "r#", "'"] {
            let _ = of(source);
        }
    }
}
