//! Operators of JavaScript between operands whose value is known.

use super::super::value::{Text, Value};
use super::Operand;

/// An operator between two operands.
pub(super) struct Binary {
    pub(super) sign: &'static str,
    /// How tight it binds: `*` more than `+`.
    pub(super) tightness: u8,
}

/// All of them. One that begins another comes after it.
pub(super) const BINARY: [Binary; 23] = [
    Binary { sign: "===", tightness: 7 },
    Binary { sign: "!==", tightness: 7 },
    Binary { sign: "==", tightness: 7 },
    Binary { sign: "!=", tightness: 7 },
    Binary { sign: ">>>", tightness: 9 },
    Binary { sign: "<<", tightness: 9 },
    Binary { sign: ">>", tightness: 9 },
    Binary { sign: "<=", tightness: 8 },
    Binary { sign: ">=", tightness: 8 },
    Binary { sign: "<", tightness: 8 },
    Binary { sign: ">", tightness: 8 },
    Binary { sign: "??", tightness: 1 },
    Binary { sign: "||", tightness: 2 },
    Binary { sign: "&&", tightness: 3 },
    Binary { sign: "|", tightness: 4 },
    Binary { sign: "^", tightness: 5 },
    Binary { sign: "&", tightness: 6 },
    Binary { sign: "**", tightness: 12 },
    Binary { sign: "*", tightness: 11 },
    Binary { sign: "/", tightness: 11 },
    Binary { sign: "%", tightness: 11 },
    Binary { sign: "+", tightness: 10 },
    Binary { sign: "-", tightness: 10 },
];

/// What an operator makes of its operands, where both are known and it is one that
/// configurations have: of numbers, of texts, and the choice between two values.
pub(super) fn apply(operator: &Binary, left: Operand, right: Operand) -> Operand {
    let unknown = || Operand::Unknown(String::new());
    let Operand::Known(left) = left else { return unknown() };
    // Whether a variable of the environment is set is not known here.
    let is_open = matches!(&left, Value::Text(text) if text.as_plain().is_none());
    let takes_left = match operator.sign {
        "||" | "&&" | "??" if is_open => return unknown(),
        "||" => Some(left.is_truthy()),
        "&&" => Some(!left.is_truthy()),
        "??" => Some(!matches!(left, Value::Undefined | Value::Null)),
        _ => None,
    };
    match takes_left {
        Some(true) => return Operand::Known(left),
        Some(false) => return right,
        None => {}
    }
    let Operand::Known(right) = right else { return unknown() };
    let of_numbers = |result: fn(f64, f64) -> f64| {
        let (left, right) = (left.to_number(), right.to_number());
        left.zip(right).map(|(left, right)| Value::Number(result(left, right)))
    };
    let value = match operator.sign {
        "+" => sum(&left, &right),
        "-" => of_numbers(|left, right| left - right),
        "*" => of_numbers(|left, right| left * right),
        "/" => of_numbers(|left, right| left / right),
        "%" => of_numbers(|left, right| left % right),
        "**" => of_numbers(f64::powf),
        _ => None,
    };
    value.map_or_else(unknown, Operand::Known)
}

/// What an operator before an operand makes of it.
pub(super) fn apply_unary(sign: &str, operand: Operand) -> Operand {
    let number = match &operand {
        Operand::Known(value) => value.to_number(),
        Operand::Unknown(_) => None,
    };
    match (sign, number, operand) {
        ("+", Some(number), _) => Operand::Known(Value::Number(number)),
        ("-", Some(number), _) => Operand::Known(Value::Number(-number)),
        ("!", Some(_), Operand::Known(value)) => Operand::Known(Value::Bool(!value.is_truthy())),
        _ => Operand::Unknown(String::new()),
    }
}

/// The sum of numbers, or one text after the other.
fn sum(left: &Value, right: &Value) -> Option<Value> {
    let is_text =
        |value: &Value| matches!(value, Value::Text(_) | Value::List(_) | Value::Table(_));
    if is_text(left) || is_text(right) {
        let mut text: Text = left.to_text();
        text.push(&right.to_text());
        return Some(Value::Text(text));
    }
    Some(Value::Number(left.to_number()? + right.to_number()?))
}
