//! What a typed line means.

use serde_json::Value;

/// What is shown for `/help`.
pub(super) const HELP: &str = "\
A line is sent as a message. Commands:
  /list                  the conversations, numbered
  /use N                 write into conversation N from now on
  /recall                take your last message back (within 2 minutes)
  /method {json}         call anything, such as /conversation.history {\"conversation_id\":\"…\"}; without {json}
                         a conversation.… method gets the current conversation
  //text                 sends /text
  /help, /quit           Ctrl-D quits too";

/// A line of input.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Input {
    /// Nothing on it.
    Nothing,
    /// To be sent.
    Text(String),
    /// `/list`
    List,
    /// `/use N`: the number as shown, from 1.
    Use(usize),
    /// `/recall`
    Recall,
    /// `/method {json}`
    Call { method: String, params: Option<Value> },
    /// `/help`
    Help,
    /// `/quit`
    Quit,
    /// Not to be understood, and why.
    Wrong(String),
}

/// Reads a line.
pub(super) fn parse(line: &str) -> Input {
    let line = line.trim_end_matches(['\r', '\n']);
    let Some(command) = line.strip_prefix('/') else {
        return if line.trim().is_empty() { Input::Nothing } else { Input::Text(line.to_owned()) };
    };
    if command.starts_with('/') {
        return Input::Text(command.to_owned());
    }
    let (name, rest) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
    let rest = rest.trim();
    match name {
        "list" => Input::List,
        "recall" => Input::Recall,
        "help" => Input::Help,
        "quit" | "exit" => Input::Quit,
        "use" => match rest.parse() {
            Ok(number) if number > 0 => Input::Use(number),
            _ => Input::Wrong("/use takes the number of a conversation: see /list".into()),
        },
        method if method.contains('.') => {
            let params = if rest.is_empty() { Ok(None) } else { serde_json::from_str(rest).map(Some) };
            match params {
                Ok(params) => Input::Call { method: method.to_owned(), params },
                Err(error) => Input::Wrong(format!("what follows /{method} is no JSON: {error}")),
            }
        }
        _ => Input::Wrong(format!("there is no command /{name}: see /help")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_is_text_unless_it_begins_with_a_slash() {
        assert_eq!(parse("hello there\n"), Input::Text("hello there".into()));
        assert_eq!(parse("//etc"), Input::Text("/etc".into()));
        assert_eq!(parse("  \n"), Input::Nothing);
        assert_eq!(parse("/use 2"), Input::Use(2));
        assert_eq!(parse("/quit\r\n"), Input::Quit);
        for wrong in ["/use", "/use 0", "/dance", "/conversation.get {"] {
            assert!(matches!(parse(wrong), Input::Wrong(_)), "{wrong}");
        }
    }

    #[test]
    fn a_method_is_called_with_its_json() {
        assert_eq!(
            parse(r#"/conversation.get {"conversation_id": "7"}"#),
            Input::Call { method: "conversation.get".into(), params: Some(json!({"conversation_id": "7"})) }
        );
        assert_eq!(parse("/session.ping"), Input::Call { method: "session.ping".into(), params: None });
    }
}
